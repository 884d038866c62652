"""Schedules whose list is in a CRM elsewhere: the watch goes through it after a look, for then it
knows the items as they are now."""

import asyncio
from typing import Any

from sqlalchemy import Connection

from relay.crm.remote.client import Wire
from relay.pipeline import remote_items
from relay.pipeline.planned import PAGE, Planned, Subject
from relay.pipeline.timetable import schedule_trigger
from relay.pipeline.watching import Watching
from relay.queue import ROUTE
from relay.storage import deadlines as stored
from relay.storage.deadlines import Schedule


async def go_on(at: Watching) -> bool:
    """Makes the events of what has come due; False where some of it is left to the next look."""
    for schedule in await asyncio.to_thread(_under_way, at):
        while not at.is_over:
            if await _page(at, schedule):
                break
        else:
            return False
    return True


async def _page(at: Watching, schedule: Schedule) -> bool:
    """One page of one schedule; whether it was the last."""
    found = await asyncio.to_thread(_next, at, schedule)
    if found is None:
        return True
    planned, list_id, page = found
    told = await remote_items.subjects(at.line, at.setup, at.row, list_id, page) if page else []

    def work_(conn: Connection) -> tuple[list[int], bool]:
        return _keep(at, conn, planned, page, told)

    woken, is_last = await at.store(work_)
    at.runtime.queue.wake(ROUTE, woken)
    return is_last


def _keep(
    at: Watching, conn: Connection, planned: Planned, page: list[Wire], told: list[Subject]
) -> tuple[list[int], bool]:
    """The page's events and how far the list was gone through, at once."""
    schedule, now = planned.schedule, at.runtime.clock.now()
    progress: dict[str, Any] = dict(schedule.progress or {})
    made = planned.fire(at.runtime, conn, at.setup, progress["event"], told)
    progress["seen"] += len(page)
    progress["made"] += len(made)
    is_last = len(page) < PAGE
    if is_last:
        planned.end(conn, progress, now)
    else:
        progress["after"] = str(page[-1]["id"])
    stored.keep_progress(conn, schedule, None if is_last else progress)
    return made, is_last


def _under_way(at: Watching) -> list[Schedule]:
    with at.runtime.db.read() as conn:
        return stored.under_way(conn, at.setup.organization.id, at.row.id)


def _next(at: Watching, earlier: Schedule) -> tuple[Planned, str, list[Wire]] | None:
    """The page that comes next; None where nobody waits for it any more."""
    zone = at.setup.organization.time_zone
    with at.runtime.db.read() as conn:
        schedule = stored.schedule_now(conn, earlier)
        rule = at.setup.rules.by_id.get(earlier.rule)
        number = None if rule is None else schedule_trigger(rule, earlier.spec, zone)
        if schedule is None or schedule.progress is None or rule is None or number is None:
            return None
        progress = schedule.progress
        title = rule.when[number].list
        lists = at.line.definitions.lists
        list_id = next((one.id for one in lists if one.title == title), "")
        page = remote_items.page_after(conn, at.row, list_id, str(progress["after"]))
    planned = Planned(schedule=schedule, rule=rule, number=number, at=progress["planned"])
    return planned, list_id, page
