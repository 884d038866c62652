"""Rules: the live set, how each is doing, its text; pausing one, holding every booking."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from flask import redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from relay.core.errors import InvalidInput, NotFound
from relay.mapping import is_mapping
from relay.pipeline import arrange, versions, why
from relay.pipeline import rules as live
from relay.pipeline.misfit import no_longer_fit
from relay.pipeline.versions import own_lines
from relay.setups import NO_RULES
from relay.storage import rulesets
from relay.storage.reads import runs as stored_runs
from relay.storage.reads import setup as stored
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, organization, page, pages, read, runtime
from relay.web.dashboard.code import yaml_lines
from rules.engine import Rule

_LAST_RUNS = 10
_VERSIONS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """A rule as the list shows it."""

    rule: Rule
    triggers: tuple[str, ...]
    health: stored.RuleHealth
    paused: tuple[str, datetime] | None


@pages.get("/rules")
def rules() -> str:
    org = organization()
    current, health, paused, applied, findings, found = read(
        lambda conn: (
            _live_rules(conn),
            stored.rule_health(conn, org.id),
            stored.who_paused(conn, org.id),
            stored.live_set(conn, org.id, org.rule_set_hash),
            rulesets.findings_of(conn, org.id),
            versions.history(conn, org.id)[:_VERSIONS],
        )
    )
    lines = [
        RuleLine(
            rule=rule,
            triggers=tuple(why.watched(trigger) for trigger in rule.when),
            health=health.get(rule.id, stored.RuleHealth()),
            paused=paused.get(rule.id),
        )
        for rule in current
    ]
    past = [{**one, "at": datetime.fromisoformat(one["applied_at"])} for one in found]
    title = no_longer_fit(findings.live)
    return page(
        "rules", lines=lines, applied=applied, findings=findings, title=title, past=past
    )  # fmt: skip


@pages.get("/rules/<id>")
def rule(id: str) -> str:
    org = organization()
    current, health, paused, last, texts = read(
        lambda conn: (
            _live_rules(conn),
            stored.rule_health(conn, org.id),
            stored.who_paused(conn, org.id),
            stored_runs.page(conn, org.id, stored_runs.Filter(rule=id), Cut(size=_LAST_RUNS)),
            {}
            if org.rule_set_hash in {None, NO_RULES}
            else rulesets.texts_of(conn, org.id, str(org.rule_set_hash)),
        )
    )
    found = next((one for one in current if one.id == id), None)
    if found is None:
        raise NotFound(f"no rule {id!r} is live; runs of it are kept")
    return page(
        "rule",
        rule=found,
        triggers=[why.watched(trigger) for trigger in found.when],
        health=health.get(id, stored.RuleHealth()),
        paused=paused.get(id),
        last=last,
        lines=yaml_lines("\n".join(own_lines(texts.get(found.path, ""), found.line))),
    )


@pages.post("/rules/<id>/pause")
def pause_rule(id: str) -> Response:
    """Pauses one rule at once, or lets it go on."""
    me().need("operator")
    paused = request.form.get("paused") == "yes"
    arrange.pause_rule(runtime(), me().org, id, paused=paused, by=me().email)
    return redirect(url_for("dashboard.rule", id=id))


@pages.post("/rules/bookings")
def hold_bookings() -> Response:
    """Holds every booking of the organization, or lets them go."""
    me().need("operator")
    held = request.form.get("held") == "yes"
    arrange.hold_bookings(runtime(), me().org, held=held, by=me().email)
    return redirect(url_for("dashboard.rules"))


@pages.get("/rules/diff")
def rule_diff() -> str:
    """What differs between two sets, by the first digits of their hashes."""
    before, after = (request.args.get(name) or versions.LIVE for name in ("from", "to"))
    found = read(lambda conn: versions.diff(runtime(), conn, me().org, before, after))
    return page("rule_diff", found=found)


@pages.post("/rules/rollback")
def roll_back() -> Response:
    """Makes a set live again that was live before."""
    me().need("admin")
    with suppress(live.Refused):  # the findings stand on the page
        versions.rollback(runtime(), me().org, request.form.get("set_hash", ""), by=me().email)
    return redirect(url_for("dashboard.rules"))


@pages.post("/rules/apply")
def apply_rules() -> Response:
    """One file in place of the live one of its name: lint, then the whole set at once."""
    me().need("admin")
    texts = with_given_file()
    with suppress(live.Refused):  # the findings stand on the page
        live.apply(runtime(), me().org, texts, by=me().email)
    return redirect(url_for("dashboard.rules"))


def with_given_file() -> dict[str, str]:
    """The live files with the one that the form brings in the place of that of its name. Raises
    InvalidInput."""
    given = request.files.get("file")
    if given is None or not given.filename:
        raise InvalidInput("choose a rule file")
    name = given.filename.replace("\\", "/").rpartition("/")[2]
    if not name.endswith((".yaml", ".yml")):
        raise InvalidInput(f"{name} is no rule file: its name ends in .yaml")
    try:
        text = given.read().decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{name} is not UTF-8 text") from error
    hash = organization().rule_set_hash
    texts = read(lambda conn: rulesets.texts_of(conn, me().org, hash) if hash else {})
    return {**texts, f"rules/{name}": text}


def _live_rules(conn: Connection) -> tuple[Rule, ...]:
    """Without the sources' mappings, which stand on the sources' pages."""
    found = runtime().setups.of(conn, me().org)
    return tuple(one for one in found.rules.rules if not is_mapping(one.id))
