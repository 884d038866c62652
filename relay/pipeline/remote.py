"""Steps on a CRM elsewhere: carried from one to the next on the worker's loop, recorded together.

What it does is not in our transaction. Verbs that may be done again without harm follow each other
at once. One that may not (an entry of the stream; an item that nothing identifies) is written down
as sent before it goes out: whoever finds it so, and no answer, asks the CRM before sending again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from relay import log as logging
from relay.core.errors import (
    AuthError,
    RelayError,
    RetryableError,
    UnknownOutcome,
)
from relay.crm.changes import Created, Told
from relay.crm.moments import milliseconds
from relay.crm.port import Done, Result
from relay.crm.remote import Made, Written
from relay.pipeline import around, connecting, sightings, transitions, tries
from relay.pipeline.calling import Line, line_to
from relay.pipeline.elsewhere import crm_of, is_remote, is_told_first
from relay.pipeline.execution import Execution
from relay.pipeline.settle import Settled, settle
from relay.pipeline.sightings import Around, Sighting, Watched
from relay.queue import ROUTE
from relay.runtime import Runtime
from relay.storage import connections, work
from relay.storage import runs as stored
from relay.storage import watch as watch_rows
from relay.storage.bundle import Bundle
from relay.storage.work import Kind

STEP_SECONDS = 60.0  # a step is several calls
LEASE = 195.0
# After so long in a queue the lease might end in the middle of a step.
PATIENCE = LEASE - STEP_SECONDS - 30.0
COUNTED = 100  # requests that a process counts before it writes their number down
AT_ONCE = 64  # runs in conversation with one CRM, in each child
# Who is over the quota is told when to come again, or comes again after this.
QUOTA_WAIT = timedelta(minutes=15)
_OVER_QUOTA = 429
log = logging.get()


@dataclass(slots=True, kw_only=True)
class Carried:
    """A run that was carried on; `error` is what stopped it, None where its next step is not for
    the CRM or its turn came too late (`late`)."""

    execution: Execution
    error: RelayError | None = None
    late: bool = False
    watched: Watched | None = None
    seen: list[Sighting] = field(default_factory=list)
    made: list[Created] = field(default_factory=list)

    @property
    def token(self) -> int:
        return self.execution.token


# Makes durable what a run has done and what it sends next; False where its lease was lost.
Mark = Callable[[Carried], Awaitable[bool]]


async def carry(runtime: Runtime, execution: Execution, until: float, mark: Mark) -> Carried:
    """Does the step in hand and those that follow it on the CRM. `until` is the loop's time at
    which the lease is no longer trusted for another step."""
    found = Carried(execution=execution)
    if asyncio.get_running_loop().time() > until:
        found.late = True
        return found
    try:
        line = await line_to(runtime, execution.setup, crm_of(execution))
    except RelayError as error:
        found.error = error
        return found
    if line.definitions.lists:
        found.watched = sightings.watched(execution.setup, crm_of(execution), line.definitions)
    while await _goes_out(runtime, found, mark):
        at = runtime.clock.now()
        result = await _one(runtime, execution, line, at)
        await _see(found, line, at, runtime.clock.now())
        if not isinstance(result, Done):
            found.error = result
            break
        now = runtime.clock.now()
        execution.done(result.output, now, result.changes)
        if not execution.advance(now) or not is_remote(execution):
            break
        if asyncio.get_running_loop().time() > until:
            break
    return found


async def _see(found: Carried, line: Line, asked: datetime, told: datetime) -> None:
    """What the step wrote, as it is to be noted."""
    written = line.crm.written()
    if found.watched is None:
        return
    author = found.execution.author
    fresh = [
        Sighting(
            list_id=one.list_id,
            item=one.after,
            asked_ms=milliseconds(asked),
            told_ms=milliseconds(told),
            before=one.before,
            author=author,
            is_new=one.before is None,
        )
        for one in written
        if isinstance(one, Written)
    ]
    found.made += [
        sightings.created(found.watched, one.kind, one.after, author)
        for one in written
        if isinstance(one, Made)
    ]
    found.seen += fresh
    try:
        await around.read(line, found.watched, fresh, {})
    except RelayError as error:
        # The write is done; its record lacks what could not be read.
        log.warning("record_incomplete", run=found.execution.run, error=str(error))


async def _goes_out(runtime: Runtime, found: Carried, mark: Mark) -> bool:
    """Whether the step in hand may be sent: one that must not be done twice is written down."""
    execution = found.execution
    if not is_told_first(execution) or execution.unsure_since is not None:
        return True
    execution.sends(runtime.clock.now())
    return await mark(found)


async def _one(runtime: Runtime, execution: Execution, line: Line, at: datetime) -> Result:
    loop = asyncio.get_running_loop()
    began, told = loop.time(), len(line.http.journal)
    result: Result
    try:
        async with asyncio.timeout(STEP_SECONDS):
            result = await line.crm.one(execution.operation())
    except TimeoutError:
        result = UnknownOutcome(f"the CRM took longer than {STEP_SECONDS:.0f} s")
    execution.tried += 1
    took = (loop.time() - began) * 1000
    journal = line.http.journal[told:]
    runtime.remotes.spend(crm_of(execution).id, len(journal))
    execution.attempts.append(tries.row(execution, result, at=at, took_ms=took, journal=journal))
    return result


def note(runtime: Runtime, found: Sequence[Carried], token: int) -> set[int]:
    """Writes what runs have done so far and that their present step goes out now; the runs whose
    lease still holds."""
    with runtime.db.write() as conn:
        ids = [one.execution.run for one in found]
        held = work.renew(runtime.db, conn, Kind.RUN, ids, token=token, seconds=LEASE)
        mine = [one for one in found if one.execution.run in held]
        bundle = Bundle()
        stored.gather(
            bundle,
            new=(),
            steps_of=[row for one in mine for row in one.execution.steps.values()],
            tries=[row for one in mine for row in one.execution.attempts],
        )
        bundle.write(conn)
        leases = transitions.store(runtime, conn, _told(runtime, conn, mine), token=None)
    runtime.queue.wake(ROUTE, [lease.id for lease in leases])
    for one in mine:
        one.execution.steps.clear()
        one.execution.attempts.clear()
    return held


def record(runtime: Runtime, found: Sequence[Carried], token: int) -> Settled:
    """Writes what the steps came to and carries their runs on, in one transaction. A run whose
    lease was lost is left to who has it now."""
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        ids = [one.execution.run for one in found]
        held = work.renew(runtime.db, conn, Kind.RUN, ids, token=token, seconds=LEASE)
        mine = [one for one in found if one.execution.run in held]
        for one in mine:
            _apply(runtime, conn, one, now)
        told = _told(runtime, conn, mine)
        settled = settle(runtime, conn, [one.execution for one in mine], token=token)
        settled.events += transitions.store(runtime, conn, told, token=token)
        _count(runtime, conn, mine, now)
    return settled


def _told(runtime: Runtime, conn: Connection, found: Sequence[Carried]) -> list[Told]:
    """The transitions of what these runs wrote, each noted once."""
    told: list[Told] = []
    by_crm: dict[int, list[Carried]] = {}
    for one in found:
        if one.watched is not None and (one.seen or one.made):
            by_crm.setdefault(one.watched.row.id, []).append(one)
    for several in by_crm.values():
        watched = several[0].watched
        assert watched is not None  # noqa: S101 - grouped by it
        for one in several[1:]:
            watched.around.join(one.watched.around if one.watched else Around())
        told += [made for one in several for made in one.made]
        told += sightings.note(conn, watched, [seen for one in several for seen in one.seen])
        for one in several:
            one.seen.clear()
            one.made.clear()
    return told


def _count(runtime: Runtime, conn: Connection, found: Sequence[Carried], now: datetime) -> None:
    for id in sorted({crm_of(one.execution).id for one in found}):
        spent = runtime.remotes.spent_since(id, least=COUNTED)
        if spent:
            watch_rows.spend(conn, id, now.astimezone(UTC).date(), all_=spent, watch=0)
            connections.note_use(conn, [id], now)


def _apply(runtime: Runtime, conn: Connection, one: Carried, now: datetime) -> None:
    execution, error = one.execution, one.error
    if one.late:
        execution.state = "waiting"
    if error is None:
        return
    execution.sent = isinstance(error, UnknownOutcome) or execution.unsure_since is not None
    if isinstance(error, AuthError):
        _needs_person(runtime, conn, execution, error, now)
    elif isinstance(error, RetryableError):
        _again(execution, error, now)
    else:
        execution.failed(error, now)


def _again(execution: Execution, error: RetryableError, now: datetime) -> None:
    if error.status == _OVER_QUOTA:
        execution.tried -= 1
        execution.postpone(error, now, _spread(error.retry_after or quota_wait(now)))
    elif not execution.retry(error, now, random.random()):  # noqa: S311 - spreads waits
        execution.failed(error, now)


def quota_wait(now: datetime) -> timedelta:
    """Until the quota may be free again: the next UTC day at the latest."""
    tomorrow = (now.astimezone(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0)
    return min(QUOTA_WAIT, tomorrow - now)


def _spread(wait: timedelta) -> timedelta:
    return wait * (1 + 0.2 * random.random())  # noqa: S311 - spreads waits, guards nothing


def _needs_person(
    runtime: Runtime, conn: Connection, execution: Execution, error: AuthError, now: datetime
) -> None:
    row = crm_of(execution)
    if connecting.stop(runtime, conn, row, error, now):
        execution.hold(f"connection {row.name} has to be connected again: {error}", now, row.id)
    else:
        execution.postpone(error, now, timedelta(0))
