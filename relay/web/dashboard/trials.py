"""Rules tried: a dry run over the events of the last days, beside what did run or what another set
would, and one rule on one event. Nothing is done."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import request

from relay.core.errors import InvalidInput, NotFound
from relay.core.ids import number
from relay.pipeline import rules as live
from relay.pipeline import trace, versions
from relay.pipeline.dry_run import Asked, dry_run
from relay.web.dashboard.blueprint import me, organization, page, pages, read, runtime
from relay.web.dashboard.rules import with_given_file
from rules.engine import Rule

_DAYS = (1, 7, 30)
_EVENTS = 500  # the newest: a page is waited for
_LINES = 200
_VERSIONS = 20
RAN = "ran"


@pages.get("/rules/dry-run")
def dry_run_page() -> str:
    """Of a set that is or was live; the address says which, and beside what."""
    tried = request.args.get("set")
    return _page(None if tried is None else _rules_of(tried), request.args.get("against", RAN))


@pages.post("/rules/dry-run")
def dry_run_file() -> str:
    """Of the live set with a file in the place of its own."""
    me().need("operator")
    loaded = live.check(runtime(), me().org, with_given_file())
    if not loaded.ok:
        one = next(each for each in loaded.findings if each.severity == "error")
        raise InvalidInput(f"{one.path}:{one.line}:{one.column}: {one.code} {one.message}")
    return _page(loaded.rules, request.form.get("against", RAN))


@pages.get("/rules/<id>/try")
def try_rule(id: str) -> str:
    """One rule and one stored event: what it did, would do, or why it does not look at it."""
    if id not in read(lambda conn: runtime().setups.of(conn, me().org)).rules.by_id:
        raise NotFound(f"no rule {id!r} is live")
    event = request.args.get("event", "").strip()
    found = trace.trace(runtime(), me().org, id, number("evt", event)) if event else None
    return page("rule_try", rule=id, event=event, found=found)


def _page(rules: Sequence[Rule] | None, against: str) -> str:
    days = request.values.get("days", type=int)
    rule = request.values.get("rule") or None
    found: dict[str, Any] | None = None
    if rules is not None:
        asked = Asked(since=timedelta(days=days if days in _DAYS else 7), rule=rule, limit=_EVENTS)
        other = None if against == RAN else _rules_of(against)
        found = dry_run(runtime(), me().org, rules, other, asked)
        found["data"] = sorted(found["data"], key=lambda line: not line["differs"])[:_LINES]
    past = read(lambda conn: versions.history(conn, me().org)[:_VERSIONS])
    return page(
        "dry_run",
        found=found,
        rule=rule,
        days=days if days in _DAYS else 7,
        all_days=_DAYS,
        tried=request.values.get("set", versions.LIVE),
        against=against,
        past=list(dict.fromkeys(one["set_hash"] for one in past)),
        limit=_EVENTS,
    )


def _rules_of(ref: str) -> Sequence[Rule]:
    org = me().org
    if ref == versions.LIVE and organization().rule_set_hash is None:
        return ()
    return read(lambda conn: runtime().setups.rules_of(conn, org, versions.resolve(conn, org, ref)))
