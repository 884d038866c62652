"""What the clock fires: each stay and each planned time that has come due becomes an event of kind
`tick`, with the record as it is then, and goes the way of every event.

Of several times that were missed the last one is made up for; the others are passed over. A
schedule with a list goes through it page by page, and makes an event of each item for which the
rule's `if` holds or cannot be said.
"""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import NotFound
from relay.crm.embedded import items
from relay.crm.embedded.schema import schema
from relay.crm.model import Item
from relay.pipeline import reading
from relay.pipeline.ticks import Tick, make, records_now, records_of
from relay.pipeline.timetable import schedule_trigger, stay_trigger
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import deadlines as stored
from relay.storage import events as stored_events
from relay.storage.deadlines import Schedule, Stay
from rules.engine import Rule, RuleError, Trigger, holds, last_time, next_time

PAGE = 200  # items of a list that are looked at in one transaction
SECONDS = 2.0  # how long one sweep may go on
_NONE_YET = {"seen": 0, "made": 0}
STAYED, PLANNED = "list_item.stayed", "schedule.due"


def fire(runtime: Runtime) -> list[int]:
    """Makes the events of everything that has come due; the ids of those to route."""
    with runtime.db.read() as conn:
        if not stored.any_due(conn, runtime.clock.now()):
            return []
    woken: list[int] = []
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        with runtime.db.write() as conn:
            now = runtime.clock.now()
            due = stored.due_stays(conn, now, PAGE)
            woken += _stays(runtime, conn, due, now)
            schedule = stored.next_schedule(conn, now)
            if schedule is not None:
                woken += _schedule(runtime, conn, schedule, now)
        if not due and schedule is None:
            break
    return woken


# --- stays ---------------------------------------------------------------------------------------


def _stays(runtime: Runtime, conn: Connection, due: Sequence[Stay], now: datetime) -> list[int]:
    began = {row.id: row for row in stored_events.read_events(conn, [one.event for one in due])}
    setups = runtime.setups.of_all(conn, {one.org for one in due})
    ticks = []
    for org, setup in setups.items():
        mine = [stay for stay in due if stay.org == org]
        found = records_of(conn, org, {stay.item for stay in mine}, now)
        for stay in mine:
            rule, row = setup.rules.by_id.get(stay.rule), began.get(stay.event)
            change = reading.change_of(row) if row is not None and row.body else {}
            # Of a CRM elsewhere we know the record that came with the change.
            record = change.get("record") if setup.crm is not None else found.get(stay.item)
            number = None if rule is None else stay_trigger(rule, stay)
            if record is None or number is None:
                # The item was taken off its list, or nobody waits for it any more.
                stored.end_stays(conn, [stay])
                continue
            stored.move_stay(conn, stay, None)
            depth = row.depth if row is not None else 0
            ticks.append(_stay_tick(stay, number, record, change.get("from"), depth))
    return make(runtime, conn, ticks, now)


def _stay_tick(
    stay: Stay, trigger: int, record: Mapping[str, Any], before: object, depth: int
) -> Tick:
    return Tick(
        org=stay.org,
        rule=stay.rule,
        key=f"stay:{stay.event}:{stay.field}",
        item=stay.item,
        parent=stay.event,
        depth=depth,
        told={
            "type": STAYED,
            "trigger": trigger,
            "at": stay.due_at,
            "since": stay.since,
            "began": stay.event,
            "list": stay.list,
            "field": stay.field,
            "from": before,
            "to": stay.value,
            "about": record["item"]["name"],
            "record": record,
        },
    )


# --- schedules -----------------------------------------------------------------------------------


def _schedule(runtime: Runtime, conn: Connection, schedule: Schedule, now: datetime) -> list[int]:
    setup = runtime.setups.of(conn, schedule.org)
    zone = setup.organization.time_zone
    rule = setup.rules.by_id.get(schedule.rule)
    number = None if rule is None else schedule_trigger(rule, schedule.spec, zone)
    if rule is None or number is None:
        stored.drop_schedule(conn, schedule)
        return []
    trigger = rule.when[number]
    if schedule.progress is None:
        planned = max(filter(None, (schedule.next_at, last_time(trigger, now, zone))))
        tick = _planned(schedule, trigger, number, planned)
        if trigger.list is None:
            stored.move_schedule(conn, schedule, next_time(trigger, now, zone))
            return make(runtime, conn, [tick], now)
        made = make(runtime, conn, [tick], now, is_parent=True)
        if not made:
            stored.move_schedule(conn, schedule, next_time(trigger, now, zone))
            return []
        progress = {
            "event": made[0],
            "planned": planned,
            "after": items.START,
            "seen": 0,
            "made": 0,
        }
    else:
        progress = dict(schedule.progress)
    return _page(runtime, conn, (schedule, rule, number), progress, setup, now)


def _page(
    runtime: Runtime,
    conn: Connection,
    whose: tuple[Schedule, Rule, int],
    progress: dict[str, Any],
    setup: Setup,
    now: datetime,
) -> list[int]:
    """One page of the list; behind the last one the planned time is done with."""
    schedule, rule, number = whose
    trigger = rule.when[number]
    found = _items_after(conn, schedule.org, str(trigger.list), progress["after"])
    told = records_now(conn, schedule.org, found, now)
    parent = _planned(schedule, trigger, number, progress["planned"])
    ticks = [
        Tick(
            org=schedule.org,
            rule=rule.id,
            key=f"{parent.key}:{item.id}",
            item=item.id,
            parent=progress["event"],
            told={**parent.told, "about": item.name, "record": record},
        )
        for item, record in zip(found, told, strict=True)
        if _applies(rule, reading.tick_facts(progress["event"], {**parent.told, "record": record},
                                             setup, now))
    ]  # fmt: skip
    made = make(runtime, conn, ticks, now)
    progress["seen"] += len(found)
    progress["made"] += len(made)
    if len(found) == PAGE:
        progress["after"] = (found[-1].created_ms, found[-1].id)
        stored.move_schedule(conn, schedule, schedule.next_at, progress)
        return made
    _end_of_list(conn, parent, progress, now)
    stored.move_schedule(conn, schedule, next_time(trigger, now, setup.organization.time_zone))
    return made


def _applies(rule: Rule, facts: reading.Facts) -> bool:
    try:
        return holds(rule, facts)
    except RuleError:
        return True  # its run will fail, and say where


def _planned(schedule: Schedule, trigger: Trigger, number: int, planned: datetime) -> Tick:
    return Tick(
        org=schedule.org,
        rule=schedule.rule,
        key=f"due:{schedule.spec}:{planned.isoformat()}",
        told={
            "type": PLANNED,
            "trigger": number,
            "at": planned,
            "list": trigger.list,
            "about": trigger.list or trigger.subject,
        },
    )


def _items_after(conn: Connection, org: int, title: str, after: Sequence[Any]) -> list[Item]:
    try:
        in_list = schema(conn, org).called(title)
    except NotFound:
        return []
    return items.after(conn, org, in_list.id, (after[0], after[1]), PAGE)


def _end_of_list(
    conn: Connection, parent: Tick, progress: Mapping[str, Any], now: datetime
) -> None:
    said = f"{progress['made']} of {progress['seen']} items of {parent.told['list']}"
    stored_events.insert_outcomes(
        conn,
        [
            {
                "event_id": progress["event"],
                "org_id": parent.org,
                "state": "routed" if progress["made"] else "no_rule",
                "type": PLANNED,
                "about": parent.told["about"],
                "item_id": None,
                "reason": said,
                "at": now,
            }
        ],
    )
