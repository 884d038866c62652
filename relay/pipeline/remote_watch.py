"""The watch on a CRM elsewhere: looks for what changed, at intervals that its quota allows.

A look is a chain of pages. Each is stored with its transitions and its cursor in one transaction,
under the watch's lease, so that a look that breaks off is gone on with where it stopped.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from functools import partial

from sqlalchemy import Connection

from relay import log as logging
from relay.core.errors import AuthError, RelayError, RetryableError
from relay.crm.moments import milliseconds
from relay.crm.remote.client import PAGE, Wire
from relay.crm.remote.reading import number
from relay.pipeline import (
    around,
    connecting,
    looking,
    pace,
    remote_planned,
    rules,
    sightings,
    transitions,
)
from relay.pipeline.calling import line_to
from relay.pipeline.looking import Look
from relay.pipeline.sightings import Sighting, Watched
from relay.pipeline.watching import Lost, Watching
from relay.queue import ROUTE
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import connections, work
from relay.storage import watch as stored
from relay.storage.connections import ConnectionRow
from relay.storage.watch import Cursor, WatchRow
from relay.storage.work import Kind, Lease

LONGEST = 60.0  # seconds of one look; then others have their turn
REDEFINED = timedelta(minutes=15)
ASLEEP = 60.0  # seconds between two looks at whether a paused connection goes on
LONGEST_WAIT = timedelta(minutes=15)

log = logging.get()


async def watch(runtime: Runtime, lease: Lease, token: int) -> None:
    """One look at everything the key sees; when it ends, the next one is due."""
    try:
        seconds = await _look(runtime, lease, token)
    except Lost:
        return
    await asyncio.to_thread(_let_go, runtime, lease, token, seconds)


async def _look(runtime: Runtime, lease: Lease, token: int) -> float | None:
    """The seconds until the next look; None where there is nothing to watch any more."""
    found = await asyncio.to_thread(_state, runtime, lease)
    if found is None:
        return None
    setup, row, state = found
    if row.state != "active":
        return ASLEEP
    now = runtime.clock.now()
    if pace.left(row, state, 0, now) <= 0:
        return pace.interval(row, state, 0, now)
    looking_ = None
    try:
        line = await line_to(runtime, setup, row)
        until = asyncio.get_running_loop().time() + LONGEST
        looking_ = Watching(
            runtime=runtime, lease=lease, token=token, setup=setup, row=row, state=state,
            line=line, until=until,
        )  # fmt: skip
        more = await _everything_new(looking_)
    except RelayError as error:
        return await asyncio.to_thread(_broken, runtime, row, state, error, looking_)
    return 0.0 if more else pace.interval(row, state, looking_.spent, runtime.clock.now())


async def _everything_new(at: Watching) -> bool:
    """Looks at every list; whether a pass is left to be gone on with."""
    await _definitions(at)
    cursors = await asyncio.to_thread(_cursors, at)
    unfinished = False
    for in_list in at.line.definitions.lists:
        cursor = cursors.get(in_list.id)
        if cursor is not None and cursor.since_ms is not None:
            cursor = await _changes(at, cursor)
        if (
            cursor is None
            or cursor.since_ms is None
            or pace.is_pass_due(at.row, cursor, at.runtime.clock.now())
        ):
            unfinished |= not await _pass(at, cursor or Cursor(list_id=in_list.id, pass_start=0))
    unfinished |= not await remote_planned.go_on(at)
    now = at.runtime.clock.now()

    def work_(conn: Connection) -> None:
        stored.looked(conn, at.row.id, now)
        connections.note_use(conn, [at.row.id], now)

    await at.store(work_)
    return unfinished


async def _definitions(at: Watching) -> None:
    """Read again from time to time: fields and options come and go."""
    defined, now = at.state.defined_at, at.runtime.clock.now()
    if defined is not None and now - defined < REDEFINED:
        return
    await redefine(at)


async def redefine(at: Watching) -> None:
    lists, fields = await at.line.client.lists(), await at.line.client.account_fields()
    at.line.definitions.adopt(lists, fields)
    now = at.runtime.clock.now()
    is_new = (lists, fields) != (at.state.lists, at.state.account_fields)

    def work_(conn: Connection) -> None:
        stored.define(conn, at.row.id, lists, fields, now)
        if is_new:
            rules.relint(at.runtime, conn, at.setup.organization.id)

    await at.store(work_)


# --- pages ---------------------------------------------------------------------------------------


async def _changes(at: Watching, cursor: Cursor) -> Cursor:
    async for look in looking.changes(at.line.client, at.runtime.clock, cursor):
        seen = [_sighting(look, one, cursor) for one in look.objects]
        await _keep(at, seen, look)
        cursor = look.cursor
    return cursor


async def _pass(at: Watching, cursor: Cursor) -> bool:
    """A pass over every item, or a part of one; whether it came to its end."""
    if cursor.pass_start is None:
        cursor = replace(cursor, pass_start=0, pass_no=cursor.pass_no + 1, tail=())
    async for look in looking.everything(at.line.client, at.runtime.clock, cursor):
        seen = [_sighting(look, one, cursor) for one in look.objects]
        await _keep(at, seen, look)
        if look.cursor.pass_start is not None and at.is_over:
            return False
        cursor = replace(look.cursor, pass_start=look.cursor.pass_start or 0)
    await _vanished(at, replace(cursor, pass_start=None))
    return True


async def _vanished(at: Watching, cursor: Cursor) -> None:
    """What the pass has not met is asked for by name before it is called gone."""
    missing = await asyncio.to_thread(_unmet, at, cursor)
    for start in range(0, len(missing), PAGE):
        ids = missing[start : start + PAGE]
        asked = milliseconds(at.runtime.clock.now())
        there = await at.line.client.items_by_ids(cursor.list_id, ids)
        told = milliseconds(at.runtime.clock.now())
        look = Look(objects=there, asked_ms=asked, told_ms=told, cursor=cursor)
        await _keep(at, [_sighting(look, one, cursor) for one in there], look)
        absent = sorted(set(ids) - {str(one.get("id")) for one in there})
        await at.store(partial(_tell_gone, at, absent))


def _sighting(look: Look, item: Wire, cursor: Cursor) -> Sighting:
    created = number(item.get("createdDate"))
    return Sighting(
        list_id=cursor.list_id,
        item=item,
        asked_ms=look.asked_ms,
        told_ms=look.told_ms,
        is_new=cursor.since_ms is not None and created >= cursor.since_ms,
        pass_no=cursor.pass_no if cursor.pass_start is not None else 0,
    )


async def _keep(at: Watching, seen: Sequence[Sighting], look: Look) -> None:
    """A page with its transitions and the cursor behind it, at once or not at all."""
    watched = await _watched(at, seen)

    def work_(conn: Connection) -> list[int]:
        sure = seen
        if look.young_ms is not None and stored.runs_in_hand(
            conn, at.row.org, at.runtime.clock.now()
        ):
            sure = [one for one in seen if one.modified_ms < look.young_ms]
        cursor = look.cursor
        if len(sure) < len(seen):
            oldest = min(one.modified_ms for one in seen if one not in sure)
            cursor = replace(cursor, cursor_ms=min(cursor.cursor_ms, oldest))
        told = sightings.note(conn, watched, sure)
        stored.keep_cursor(conn, at.row.org, at.row.id, cursor)
        return [one.id for one in transitions.store(at.runtime, conn, told, token=None)]

    at.runtime.queue.wake(ROUTE, await at.store(work_))


async def _watched(at: Watching, seen: Sequence[Sighting]) -> Watched:
    """With the accounts, contacts and users of those items whose records a rule asks for."""
    watched = sightings.watched(at.setup, at.row, at.line.definitions)
    shadows = await asyncio.to_thread(_shadows, at, [one.id for one in seen])
    await around.read(at.line, watched, seen, {id: one.item for id, one in shadows.items()})
    return watched


# --- rows ----------------------------------------------------------------------------------------


def _state(runtime: Runtime, lease: Lease) -> tuple[Setup, ConnectionRow, WatchRow] | None:
    with runtime.db.read() as conn:
        setup = runtime.setups.of(conn, lease.org)
        row, state = setup.connection_by_id.get(lease.id), stored.watch_of(conn, lease.id)
    return None if row is None or state is None else (setup, row, state)


def _cursors(at: Watching) -> dict[str, Cursor]:
    with at.runtime.db.read() as conn:
        return stored.cursors_of(conn, at.row.id)


def _shadows(at: Watching, ids: Sequence[str]) -> dict[str, stored.Shadow]:
    with at.runtime.db.read() as conn:
        return stored.read_shadows(conn, at.row.id, ids)


def _unmet(at: Watching, cursor: Cursor) -> list[str]:
    with at.runtime.db.read() as conn:
        return stored.unmet(conn, at.row.id, cursor.list_id, cursor.pass_no)


def _tell_gone(at: Watching, ids: Sequence[str], conn: Connection) -> None:
    watched = sightings.watched(at.setup, at.row, at.line.definitions)
    now = milliseconds(at.runtime.clock.now())
    transitions.store(at.runtime, conn, sightings.gone(conn, watched, ids, now), token=None)


def _let_go(runtime: Runtime, lease: Lease, token: int, seconds: float | None) -> None:
    with runtime.db.write() as conn:
        if seconds is None:
            work.fence(runtime.db, conn, Kind.WATCH, [lease.id], token=token)
        else:
            work.retry(runtime.db, conn, Kind.WATCH, lease.id, token=token, seconds=seconds)


def _broken(
    runtime: Runtime,
    row: ConnectionRow,
    state: WatchRow,
    error: RelayError,
    looking_: Watching | None,
) -> float:
    """Says what went wrong, and when to look again."""
    now = runtime.clock.now()
    used = len(looking_.line.http.journal) if looking_ is not None else 0
    with runtime.db.write() as conn:
        stored.failed(conn, row.id, str(error))
        stored.spend(conn, row.id, now.astimezone(UTC).date(), all_=used, watch=used)
        stopped = isinstance(error, AuthError) and connecting.stop(runtime, conn, row, error, now)
    log.warning("watch_failed", connection=row.id, error=str(error))
    if stopped:
        return ASLEEP
    wait = min(
        timedelta(seconds=pace.poll_seconds(row) * 2 ** min(state.failures, 10)), LONGEST_WAIT
    )
    asked = error.retry_after if isinstance(error, RetryableError) else None
    return max(wait, asked or timedelta(0)).total_seconds()
