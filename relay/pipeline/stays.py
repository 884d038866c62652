"""What a change does to the stays that `for` waits on: it ends those it breaks, and begins its
own."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.crm.changes import REMOVED
from relay.pipeline.timetable import stay_trigger
from relay.setups import Setup
from relay.storage import deadlines as stored
from relay.storage.deadlines import Stay
from rules.engine import Match, RuleSet, held_until, holds_value

_Known = dict[tuple[str, str, str], Stay]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A transition, or the tick of a stay, in the order of events."""

    event: int
    setup: Setup
    told: Mapping[str, Any]
    is_tick: bool = False


def follow(conn: Connection, steps: Sequence[Step]) -> set[int]:
    """Brings the stays of a chunk up to date, event by event; gives the ticks whose stay had ended
    before they were looked at."""
    by_org: defaultdict[int, list[Step]] = defaultdict(list)
    for step in steps:
        if step.told.get("item_id") and (step.is_tick or _concerns(step.setup.rules, step.told)):
            by_org[step.setup.organization.id].append(step)
    late: set[int] = set()
    for org, mine in by_org.items():
        late |= _follow(conn, org, sorted(mine, key=lambda one: one.event))
    return late


def _follow(conn: Connection, org: int, steps: Sequence[Step]) -> set[int]:
    before: _Known = {
        stay.key: stay
        for stay in stored.stays_of(conn, org, {str(step.told["item_id"]) for step in steps})
    }
    known, late = dict(before), set()
    for step in steps:
        if step.is_tick:
            stay = known.get((step.told["rule"], step.told["item_id"], step.told["field"]))
            if stay is None or stay.event != step.told["began"]:
                late.add(step.event)
        else:
            _end(known, step)
            _begin(known, org, step)
    stored.end_stays(conn, [one for key, one in before.items() if known.get(key) is not one])
    stored.begin_stays(conn, [one for key, one in known.items() if before.get(key) is not one])
    return late


def _concerns(rules: RuleSet, change: Mapping[str, Any]) -> bool:
    return bool(change.get("list")) and rules.waits_on(change["list"])


def _end(known: _Known, step: Step) -> None:
    change = step.told
    for key, stay in list(known.items()):
        is_meant = change["type"] == REMOVED or stay.field == change.get("field")
        if stay.item != change["item_id"] or not is_meant:
            continue
        rule = step.setup.rules.by_id.get(stay.rule)
        number = None if rule is None else stay_trigger(rule, stay)
        if rule is None or number is None or not holds_value(rule.when[number], change["to"]):
            del known[key]


def _begin(known: _Known, org: int, step: Step) -> None:
    change, rules = step.told, step.setup.rules
    if change["type"] == REMOVED:
        return
    values: Mapping[str, object]
    if "created" in change:
        values = (change.get("record") or {}).get("item") or {}
        begun = rules.stays_of_new(change["list"], values)
    else:
        values = {change["field"]: change["to"]}
        begun = rules.stays(change["list"], change["field"], change["from"], change["to"])
    maker = change["author"]
    for match in begun:
        if maker["kind"] == "rule" and maker["ref"] == match.rule.id:
            continue
        stay = _stay(org, match, step, values, change["at"])
        known.setdefault(stay.key, stay)


def _stay(
    org: int, match: Match, step: Step, values: Mapping[str, object], since: datetime
) -> Stay:
    trigger = match.rule.when[match.trigger]
    return Stay(
        org=org,
        rule=match.rule.id,
        item=step.told["item_id"],
        field=trigger.subject,
        list=step.told["list"],
        value=values.get(trigger.subject),
        event=step.event,
        since=since,
        due_at=held_until(trigger, since),
    )
