"""Runs that waited for a person go on: a connection works again, a rule or bookings are let go."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select, update

from relay.core.ids import ordering_key
from relay.pipeline import reading
from relay.pipeline.booking import ALL_HELD
from relay.pipeline.weighing import weigh
from relay.queue import ACT
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import watch, work
from relay.storage.events import EventRow, read_events
from relay.storage.tables.events import events
from relay.storage.tables.runs import runs
from relay.storage.tables.setup import sources
from relay.storage.tables.work import work as waiting
from relay.storage.work import Kind, NewWork


def of_connection(conn: Connection, runtime: Runtime, org: int, connection: int) -> list[int]:
    """The runs that waited for a connection; they are due when the transaction commits, and so are
    the events that it completes and the watch on a CRM."""
    watch.due_now(conn, connection, runtime.clock.now())
    thin = (
        select(events.c.id)
        .join(sources, sources.c.id == events.c.source_id)
        .join(waiting, waiting.c.id == events.c.id)
        .where(
            waiting.c.kind == int(Kind.COMPLETION),
            sources.c.org_id == org,
            sources.c.connection_id == connection,
        )
    )
    work.due_again(conn, Kind.COMPLETION, org, thin)
    return _release(conn, runtime, org, runs.c.held_by == connection)


def of_bookings(conn: Connection, runtime: Runtime, org: int) -> list[int]:
    """The runs that waited because all bookings were held."""
    return _release(conn, runtime, org, runs.c.reason == ALL_HELD)


def of_rule(conn: Connection, runtime: Runtime, org: int, rule: str) -> list[int]:
    """The runs that waited while their rule was paused. Their condition is asked now, for the
    record as it was; what no longer holds ends `filtered`."""
    waiting = _held(org, runs.c.rule_id == rule).where(runs.c.held_by.is_(None))
    rows = [row for row in conn.execute(waiting) if row.reason != ALL_HELD]
    setup = runtime.setups.of(conn, org)
    events = {one.id: one for one in read_events(conn, [row.event_id for row in rows])}
    free = [row for row in rows if _still_fires(conn, runtime, setup, row, events)]
    return _due(conn, runtime, org, free)


def wake(runtime: Runtime, released: Sequence[int]) -> None:
    """After the commit."""
    runtime.queue.wake(ACT, list(released))


def _held(org: int, which: Any) -> Select[Any]:
    query = select(
        runs.c.id, runs.c.item_id, runs.c.event_id, runs.c.reason, runs.c.clauses, runs.c.set_hash,
        runs.c.rule_id, runs.c.rule_hash,
    )  # fmt: skip
    return query.where(runs.c.org_id == org, runs.c.state == "held", which).order_by(runs.c.id)


def _release(conn: Connection, runtime: Runtime, org: int, which: Any) -> list[int]:
    return _due(conn, runtime, org, conn.execute(_held(org, which)).all())


def _due(conn: Connection, runtime: Runtime, org: int, rows: Sequence[Any]) -> list[int]:
    if not rows:
        return []
    ids = [row.id for row in rows]
    events = {one.id: one for one in read_events(conn, [row.event_id for row in rows])}
    conn.execute(
        update(runs)
        .where(runs.c.org_id == org, runs.c.id.in_(ids))
        .values(state="waiting", reason=None, held_by=None)
    )
    due = [NewWork(id=row.id, org=org, okey=_okey(row, events.get(row.event_id))) for row in rows]
    work.add(runtime.db, conn, Kind.RUN, due)
    return ids


def _okey(row: Any, event: EventRow | None) -> int | None:
    if row.item_id:
        return ordering_key(f"item:{row.item_id}")
    return event.okey if event is not None else None


def _still_fires(
    conn: Connection, runtime: Runtime, setup: Setup, row: Any, events: dict[int, EventRow]
) -> bool:
    rule = runtime.setups.rule_that_ran(conn, setup.organization.id, row)
    event = events.get(row.event_id)
    if rule is None or rule.condition is None or row.clauses is not None or event is None:
        return True
    facts = reading.facts(runtime, setup, event, runtime.clock.now())
    state, reason, clauses = weigh(rule, facts)
    ended = {} if state == "waiting" else {"state": state, "ended_at": runtime.clock.now()}
    conn.execute(
        update(runs).where(runs.c.id == row.id).values(clauses=clauses, reason=reason, **ended)
    )
    return state == "waiting"
