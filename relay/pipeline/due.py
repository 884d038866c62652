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
from relay.pipeline.planned import PAGE, Planned, Subject
from relay.pipeline.ticks import Tick, make, records_now, records_of
from relay.pipeline.timetable import schedule_trigger, stay_trigger
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import deadlines as stored
from relay.storage import events as stored_events
from relay.storage import watch
from relay.storage.deadlines import Schedule, Stay, is_under_way
from rules.engine import last_time, next_time

SECONDS = 2.0  # how long one sweep may go on
STAYED = "list_item.stayed"


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
    trigger, crm = rule.when[number], setup.crm if rule.when[number].list else None
    if crm is not None and is_under_way(schedule, crm.id):
        # A time that comes before the list was gone through for the last one is passed over.
        stored.move_schedule(conn, schedule, next_time(trigger, now, zone), schedule.progress)
        return []
    if schedule.progress is not None and crm is None and "crm" not in schedule.progress:
        progress = dict(schedule.progress)
        planned = Planned(schedule=schedule, rule=rule, number=number, at=progress["planned"])
        return _page(runtime, conn, planned, progress, setup, now)
    at = max(filter(None, (schedule.next_at, last_time(trigger, now, zone))))
    planned = Planned(schedule=schedule, rule=rule, number=number, at=at)
    made = make(runtime, conn, [planned.tick], now, is_parent=trigger.list is not None)
    if trigger.list is None or not made:
        stored.move_schedule(conn, schedule, next_time(trigger, now, zone))
        return made
    progress = {"event": made[0], "planned": at, "after": items.START, "seen": 0, "made": 0}
    if crm is None:
        return _page(runtime, conn, planned, progress, setup, now)
    # The watch of that CRM goes through the list, when it has looked at what changed.
    begun = {**progress, "after": "", "crm": crm.id}
    stored.move_schedule(conn, schedule, next_time(trigger, now, zone), begun)
    watch.due_now(conn, crm.id, now)
    return []


def _page(
    runtime: Runtime, conn: Connection, planned: Planned, progress: dict[str, Any], setup: Setup,
    now: datetime,
) -> list[int]:  # fmt: skip
    """One page of the list; behind the last one the planned time is done with."""
    schedule, trigger = planned.schedule, planned.trigger
    found = _items_after(conn, schedule.org, str(trigger.list), progress["after"])
    told = records_now(conn, schedule.org, found, now)
    page = [
        Subject(id=item.id, name=item.name, record=record)
        for item, record in zip(found, told, strict=True)
    ]
    made = planned.fire(runtime, conn, setup, progress["event"], page)
    progress["seen"] += len(found)
    progress["made"] += len(made)
    if len(found) == PAGE:
        progress["after"] = (found[-1].created_ms, found[-1].id)
        stored.move_schedule(conn, schedule, schedule.next_at, progress)
        return made
    planned.end(conn, progress, now)
    stored.move_schedule(conn, schedule, next_time(trigger, now, setup.organization.time_zone))
    return made


def _items_after(conn: Connection, org: int, title: str, after: Sequence[Any]) -> list[Item]:
    try:
        in_list = schema(conn, org).called(title)
    except NotFound:
        return []
    return items.after(conn, org, in_list.id, (after[0], after[1]), PAGE)
