"""One run: what set it off, whether its condition held, each step with its tries, and the rule's
own text with the part that decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from sqlalchemy import Connection

from relay.core.ids import number
from relay.mapping import is_mapping
from relay.pipeline import why
from relay.pipeline.versions import own_lines
from relay.storage.reads import events as stored_events
from relay.storage.reads import runs as stored
from relay.storage.tables.base import load
from relay.web.dashboard.blueprint import me, page, pages, read, runtime
from relay.web.dashboard.code import json_lines, yaml_lines
from relay.web.dashboard.show import first_line, money
from relay.web.dashboard.words import is_booking, not_held, step_title
from rules.engine import Rule, rule_hash

_OPEN = frozenset({"waiting", "running"})
_ON_FAILURE = 1000  # steps from here on are those of `on_failure`


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the rule's text; `decided` where it is part of the condition."""

    text: Markup
    decided: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The rule as it was; a mapping as the rule it is, without a file. `is_live` is False when
    another version is live now."""

    path: str
    lines: list[Line]
    is_live: bool


@pages.get("/runs/<id>")
def run(id: str) -> str:
    return page("run", **read(lambda conn: _facts(conn, number("run", id))))


def _facts(conn: Connection, id: int) -> dict[str, Any]:
    org = me().org
    found = stored.detail(conn, org, id)
    event = stored_events.detail(conn, org, found.row.event_id)
    setup = runtime().setups.of(conn, org)
    live = setup.rules.by_id.get(found.row.rule_id)
    rule = runtime().setups.rule_that_ran(conn, org, found.row) or live
    booked = [one for one in found.booked if one["run_id"] == id]
    reached = {step.step_id for step in found.steps}
    return {
        "run": found.row,
        "steps": found.steps,
        "others": found.others,
        "event": event,
        "change": _change(event),
        "rule": rule,
        "trigger": _trigger(rule, found.row.trigger),
        "text": _text(conn, found.row, rule, live),
        "booked": booked,
        "title": _title(found.row, booked),
        "said": _said(found, booked),
        "not_reached": [step for step in rule.do if step.id not in reached] if rule else [],
        "is_open": found.row.state in _OPEN,
        "on_failure": _ON_FAILURE,
        "retries": {step.id: step.retry.attempts for step in (*rule.do, *rule.on_failure)}
        if rule
        else {},
    }


def _change(event: stored_events.EventDetail) -> Mapping[str, Any] | None:
    if event.row.kind != "transition" or not event.body:
        return None
    change: dict[str, Any] = load(event.body.decode())
    return change


def _trigger(rule: Rule | None, which: int) -> str:
    if rule is None or which >= len(rule.when):
        return ""
    return why.watched(rule.when[which])


def _title(row: stored.RunRow, booked: list[Mapping[str, Any]]) -> str:
    about = row.about or row.rule_id
    if row.state == "succeeded" and any(one["state"] == "booked" for one in booked):
        return f"{about}: booked"
    words = {
        "succeeded": "done",
        "failed": "failed",
        "filtered": "nothing to do",
        "skipped": "done before",
        "held": "held",
        "cancelled": "cancelled",
        "waiting": "waits for its next try",
        "running": "under way",
    }
    return f"{about}: {words.get(row.state, row.state)}"


def _said(found: stored.RunDetail, booked: list[Mapping[str, Any]]) -> str:
    """The result in a sentence."""
    row = found.row
    if row.state == "filtered":
        reason = not_held(row.clauses)
        return f"{reason}, so the steps did not run." if reason else f"{first_line(row.reason)}."
    if row.state in {"failed", "held"}:
        return _stopped(found, booked)
    done = next((one for one in booked if one["state"] == "booked"), None)
    if done is None:
        return f"{first_line(row.reason)}." if row.reason else ""
    sale = done["verb"].replace("_", " ").capitalize()
    what = f"{sale} {done['external_number'] or done['number']}"
    amount = f" for {money(done['amount'])} {done['currency'] or ''}".rstrip()
    tries = max((len(step.tries) for step in found.steps), default=0)
    again = f" It took {tries} tries; the sale was made once." if tries > 1 else ""
    return f"{what}{amount if done['amount'] else ''} is booked.{again}"


def _stopped(found: stored.RunDetail, booked: list[Mapping[str, Any]]) -> str:
    reason = first_line(found.row.reason)
    step = next((one for one in found.steps if one.state in {"failed", "waiting"}), None)
    at = f"{step_title(step.use)}: " if step else ""
    safe = ""
    if step is not None and is_booking(step.use):
        sent = any(one["state"] in {"sent", "booked"} for one in booked)
        safe = " Whether it was booked is not known." if sent else " Nothing was booked."
    return f"{at}{reason}.{safe}"


def _text(
    conn: Connection, row: stored.RunRow, rule: Rule | None, live: Rule | None
) -> Text | None:
    if rule is None:
        return None
    is_live = live is not None and rule_hash(live) == row.rule_hash
    if is_mapping(rule.id):
        plain = [Line(text=one, decided=False) for one in json_lines(rule.data)]
        return Text(path="", lines=plain, is_live=is_live)
    texts = stored.rule_text(conn, me().org, row.set_hash) or {}
    own = own_lines(texts.get(rule.path, ""), rule.line)
    decides = _condition_lines(rule, own)
    lines = [
        Line(text=text, decided=number in decides)
        for number, text in enumerate(yaml_lines("\n".join(own)))
    ]
    return Text(path=rule.path, lines=lines, is_live=is_live)


def _condition_lines(rule: Rule, own: list[str]) -> range:
    """Which of the rule's lines hold its condition."""
    if rule.condition is None:
        return range(0)
    text = "\n".join(own)
    start = next((n for n, line in enumerate(own) if line.strip().startswith("if:")), None)
    return range(0) if start is None else range(start, start + len(own_lines(text, start + 1)))
