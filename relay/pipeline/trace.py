"""One rule and one event: whether it looks at it and why, and what it did or would do."""

from typing import Any

from sqlalchemy import Connection

from relay.core.errors import Conflict, NotFound
from relay.core.ids import public
from relay.pipeline import explain, why
from relay.pipeline.dry_run import simulated
from relay.pipeline.plain import plain
from relay.pipeline.reading import change_of
from relay.runtime import Runtime
from relay.storage import events as stored_events
from relay.storage import replays
from relay.storage.reads import events as shown
from rules.engine import Rule, clauses_of

Document = dict[str, Any]


def trace(runtime: Runtime, org: int, rule: str, event: int) -> Document:
    """The trace of a run where there is one, of what would happen where there is none. Raises
    NotFound, and Conflict for an event that no rule can look at."""
    with runtime.db.read() as conn:
        setup = runtime.setups.of(conn, org)
        found = setup.rules.by_id.get(rule)
        if found is None:
            raise NotFound(f"there is no rule {rule!r} here")
        known = shown.detail(conn, org, event).row
        runs = [one for one in replays.runs_of_event(conn, org, event) if one.rule_id == rule]
        told: Document = {"rule": rule, "event": public("evt", event), "looks": True, "why": None}
        if runs:
            story = explain.run(runtime, org, runs[-1].id)
            return {**told, "run": story, "would": None}
        if known.state not in {"routed", "no_rule"}:
            raise Conflict(f"{public('evt', event)} is {known.state}: no rule can look at it")
        would = _would(runtime, conn, org, found, event)
        if would is None:
            seen = why.Seen(type=known.type, source=known.source, change=_change(conn, event))
            near, _ = why.bystanders(setup, seen, set())
            said = next((one.why for one in near if one.rule.id == rule), None)
            watched = " or ".join(map(why.watched, found.when))
            reason = said or f"it watches {watched}; this was {why.this_was(seen)}"
            return {**told, "looks": False, "why": reason, "run": None, "would": None}
        return {**told, "run": None, "would": would}


def _would(runtime: Runtime, conn: Connection, org: int, rule: Rule, event: int) -> Document | None:
    (row,) = stored_events.read_events(conn, [event])
    found = simulated(runtime, runtime.setups.of(conn, org), row, [rule], {}).get(rule.id)
    if found is None:
        return None
    firing, done = found
    return {
        "trigger": why.watched(rule.when[firing.match.trigger]),
        "condition": rule.condition,
        "clauses": [
            plain({"text": c.text, "held": c.held, "error": c.error, "values": dict(c.values)})
            for c in clauses_of(rule, firing.facts)
        ],
        "ends": done.ends,
        "error": done.error or None,
        "actions": [
            {"use": one.use, "with": plain(one.params), "error": one.error or None}
            for one in done.actions
        ],
    }


def _change(conn: Connection, event: int) -> Document | None:
    (row,) = stored_events.read_events(conn, [event])
    return change_of(row) if row.kind == "transition" and row.body else None
