"""Thin events: one call through the source's connection fetches what the sender only named."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from relay import log as logging
from relay.core.errors import AuthError, RelayError, RetryableError
from relay.core.event import ParsedEvent
from relay.integration import Integration, Lookup
from relay.pipeline import connecting
from relay.pipeline.reading import parse
from relay.pipeline.route import child_row, facts_row
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored
from relay.storage import sources, work
from relay.storage.connections import ConnectionRow
from relay.storage.events import EventRow
from relay.storage.numbers import next_ids
from relay.storage.sources import SourceRow
from relay.storage.tables.events import events
from relay.storage.work import Kind, Lease, NewWork

SECONDS = 60.0
LEASE = SECONDS + 15.0
TRIES = 12
FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
# Whoever lets the connection go on makes what waits for it due; this is for the forgotten.
HELD_SECONDS = 3600.0
log = logging.get()


@dataclass(slots=True, kw_only=True)
class Thin:
    """A thin event in hand, and what became of it."""

    lease: Lease
    row: EventRow
    event: ParsedEvent
    integration: Integration
    connection: ConnectionRow | None
    brought: Mapping[str, str]
    token: int
    confirmed: str | None = None
    parts: Sequence[ParsedEvent] = field(default=())
    error: RelayError | None = None
    held: bool = False  # until its connection works again

    @property
    def cap(self) -> int:
        return self.connection.id if self.connection is not None else 0


def prepare(runtime: Runtime, leases: Sequence[Lease], token: int) -> list[Thin]:
    """The claimed events with the connection of their source."""
    by_id = {lease.id: lease for lease in leases}
    with runtime.db.read() as conn:
        rows = stored.read_events(conn, list(by_id))
        setups = runtime.setups.of_all(conn, {row.org for row in rows})
    found = []
    for row in rows:
        setup = setups[row.org]
        source = setup.sources[row.source]
        found.append(
            Thin(
                lease=by_id[row.id],
                row=row,
                # What is made of it is keyed by it: its own key is taken, by itself.
                event=replace(parse(runtime, setup, row)[0], key=f"of:{row.id}"),
                integration=runtime.integrations[source.type],
                connection=_connection(setup, source),
                brought=source.brought,
                token=token,
            )
        )
    return found


async def fetch(runtime: Runtime, thin: Thin) -> Thin:
    """Makes the calls; without a connection the event stays as thin as it came."""
    source, connector = thin.integration.source, thin.integration.connector
    row = thin.connection
    if row is None and thin.brought:
        name = thin.integration.name
        thin.error = RetryableError(f"add a connection: relay connection add {name}")
        return thin
    if source is None or source.complete is None or connector is None or row is None:
        thin.parts = [thin.event]
        return thin
    if connector.lookup is None:
        thin.parts = [thin.event]
        return thin
    if row.state != "active":
        thin.held = True
        return thin
    http = connecting.http_for(runtime, row)
    lookup = connector.lookup(connecting.opened(runtime, row), http, runtime.clock.now())
    try:
        async with asyncio.timeout(SECONDS):
            thin.confirmed = await source.confirm(thin.event, thin.brought, lookup)
            whole = source.complete if thin.confirmed is None else _as_it_is
            thin.parts = await whole(thin.event, lookup)
    except TimeoutError:
        thin.error = RetryableError(f"{row.name} took longer than {SECONDS:.0f} s")
    except RelayError as error:
        thin.error = error
    return thin


async def _as_it_is(event: ParsedEvent, lookup: Lookup) -> Sequence[ParsedEvent]:
    """What asked for the sender's confirmation tells nothing more."""
    del lookup
    return [event]


def _connection(setup: Setup, source: SourceRow) -> ConnectionRow | None:
    """The source's own, else the only one of its kind: it may have been made later."""
    chosen = setup.connection_by_id.get(source.connection_id or 0)
    return chosen or setup.connection_for(source.type, None)


def record(runtime: Runtime, found: Sequence[Thin], token: int) -> list[int]:
    """Writes the facts as events of their own, each taken once by its key; the ids to route."""
    now = runtime.clock.now()
    whole = [thin for thin in found if thin.error is None and not thin.held]
    with runtime.db.write() as conn:
        ids = [thin.lease.id for thin in whole]
        held = work.fence(runtime.db, conn, Kind.COMPLETION, ids, token=token)
        mine = [thin for thin in whole if thin.lease.id in held]
        parts = [(thin, n, part) for thin in mine for n, part in enumerate(thin.parts)]
        numbers = next_ids(conn, events, len(parts))
        rows = [
            child_row(id, thin.row, part, n, now)
            for id, (thin, n, part) in zip(numbers, parts, strict=True)
        ]
        fresh = stored.insert_events(runtime.db, conn, rows)
        new = [
            (id, thin, part)
            for id, (thin, _, part) in zip(numbers, parts, strict=True)
            if id in fresh
        ]
        stored.insert_facts(conn, [facts_row(id, part) for id, _, part in new])
        work.add(
            runtime.db,
            conn,
            Kind.EVENT,
            [NewWork(id=id, org=thin.row.org, okey=thin.row.okey) for id, thin, _ in new],
        )
        stored.insert_outcomes(conn, [_outcome(thin, now, "routed", None) for thin in mine])
        for thin in mine:
            if thin.confirmed is not None:
                sources.confirm_brought(
                    conn, runtime.vault, thin.row.org, thin.row.source, thin.confirmed
                )
        for thin in found:
            if thin.held:
                _wait(runtime, conn, thin, token, HELD_SECONDS)
            elif thin.error is not None:
                _failed(runtime, conn, thin, token, now)
    return [id for id, _, _ in new]


def _failed(runtime: Runtime, conn: Any, thin: Thin, token: int, now: Any) -> None:
    error, tries = thin.error, thin.lease.attempts
    assert error is not None  # noqa: S101 - asked for those that failed
    if isinstance(error, AuthError) and thin.connection is not None:
        stopped = connecting.stop(runtime, conn, thin.connection, error, now)
        _wait(runtime, conn, thin, token, HELD_SECONDS if stopped else 0.0)
        return
    if isinstance(error, RetryableError) and tries < TRIES:
        wait = min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT)
        asked = error.retry_after or timedelta(0)
        seconds = max(wait, asked).total_seconds()
        seconds *= 1 + 0.2 * random.random()  # noqa: S311 - spreads waits, guards nothing
        _wait(runtime, conn, thin, token, seconds)
        return
    if work.fence(runtime.db, conn, Kind.COMPLETION, [thin.lease.id], token=token):
        work.bury(conn, Kind.COMPLETION, thin.lease, at=now, place="complete", reason=str(error))
        stored.insert_outcomes(conn, [_outcome(thin, now, "unreadable", str(error))])


def _wait(runtime: Runtime, conn: Any, thin: Thin, token: int, seconds: float) -> None:
    work.retry(runtime.db, conn, Kind.COMPLETION, thin.lease.id, token=token, seconds=seconds)


def _outcome(thin: Thin, now: Any, state: str, reason: str | None) -> dict[str, Any]:
    return {
        "event_id": thin.row.id,
        "org_id": thin.row.org,
        "state": state,
        "type": thin.event.type,
        "about": None,
        "item_id": None,
        "reason": reason,
        "at": now,
    }
