"""Runs taken up again, begun anew, or ended by a person: in the caller's transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from relay.core.errors import Conflict, NotFound
from relay.core.ids import public
from relay.storage.batches import insert_rows
from relay.storage.numbers import next_ids
from relay.storage.runs import StoredRun, read_runs
from relay.storage.tables.base import from_micros
from relay.storage.tables.events import event_outcomes
from relay.storage.tables.runs import bookings, firings, runs, steps
from relay.storage.tables.work import dead
from relay.storage.tables.work import work as waiting
from relay.storage.work import Kind

Row = Mapping[str, Any]


def run_of(conn: Connection, org: int, run: int, *, lock: bool = False) -> StoredRun:
    """A run with its steps. Raises NotFound."""
    mine = select(runs.c.id).where(runs.c.org_id == org, runs.c.id == run)
    if conn.execute(mine.with_for_update() if lock else mine).first() is None:
        raise NotFound(f"there is no run {public('run', run)} here")
    return read_runs(conn, [run])[0]


def runs_of_event(conn: Connection, org: int, event: int) -> list[StoredRun]:
    """All runs that an event caused, oldest first."""
    mine = select(runs.c.id).where(runs.c.org_id == org, runs.c.event_id == event)
    return read_runs(conn, list(conn.execute(mine).scalars()))


def inputs_of(conn: Connection, run: int) -> dict[int, Any]:
    """What each step of a run was given, by its number."""
    query = select(steps.c.n, steps.c.input).where(steps.c.run_id == run)
    return {row.n: row.input for row in conn.execute(query)}


def booked(conn: Connection, org: int, item: str, verbs: Collection[str]) -> list[Row]:
    """The sales of an item that stand in a provider's books, or may."""
    query = select(
        bookings.c.verb, bookings.c.label, bookings.c.state, bookings.c.number,
        bookings.c.external_number,
    ).where(
        bookings.c.org_id == org,
        bookings.c.item_id == item,
        bookings.c.verb.in_(sorted(verbs)),
        bookings.c.state != "open",
    )  # fmt: skip
    return [dict(row._mapping) for row in conn.execute(query)]


def reopen(conn: Connection, run: int, numbers: Sequence[int], failure_steps: int) -> None:
    """The run as it stood before these steps; what it did on failure is done again if it fails
    again."""
    conn.execute(delete(steps).where(steps.c.run_id == run, steps.c.n >= failure_steps))
    conn.execute(
        update(steps)
        .where(steps.c.run_id == run, steps.c.n.in_(numbers))
        .values(state="waiting", attempts=0, error=None, ended_at=None)
    )
    conn.execute(
        update(runs)
        .where(runs.c.id == run)
        .values(state="waiting", reason=None, ended_at=None, settled=None)
    )


def new_run(conn: Connection, row: Row) -> int:
    """A new run; its number."""
    (number,) = next_ids(conn, runs, 1)
    conn.execute(insert(runs).values(id=number, **row))
    return number


def settle(conn: Connection, run: int, to: int) -> None:
    """A failed run needs nobody any more: another one does it again."""
    again = f"done again as {public('run', to)}"
    conn.execute(update(runs).where(runs.c.id == run).values(settled=again))


def done_again_as(conn: Connection, run: StoredRun) -> int | None:
    """The newest run in place of this one."""
    # All runs for one event are found by it.
    mine = (runs.c.event_id == run.event, runs.c.replay_of == run.id)
    query = select(func.max(runs.c.id)).where(runs.c.org_id == run.org, *mine)
    found: int | None = conn.execute(query).scalar_one()
    return found


def copy_steps(conn: Connection, run: int, to: int, places: Mapping[int, int]) -> None:
    """Takes over what an earlier run has done: `places` maps its steps to those of the new one."""
    if not places:
        return
    done = select(steps).where(steps.c.run_id == run, steps.c.n.in_(sorted(places)))
    # SQLAlchemy's names of columns are a kind of text that JSON does not take.
    rows = [
        {str(name): value for name, value in row._mapping.items()}
        | {"run_id": to, "n": places[row.n], "attempts": 0}
        for row in conn.execute(done)
    ]
    insert_rows(conn, steps, rows)


def claim(conn: Connection, row: Row) -> None:
    """Notes the firing of a rule that an event had not fired before."""
    conn.execute(insert(firings).values(**row))


def cancel(conn: Connection, run: int, reason: str, at: datetime) -> None:
    """Ends a run that waits. Raises Conflict while a worker has it in hand."""
    mine = (waiting.c.kind == int(Kind.RUN), waiting.c.id == run)
    row = conn.execute(select(waiting.c.lease_until).where(*mine).with_for_update()).first()
    if row is not None and row.lease_until is not None and row.lease_until > _now(conn):
        raise Conflict(f"{public('run', run)} is being worked on: try again in a moment")
    conn.execute(delete(waiting).where(*mine))
    conn.execute(
        update(steps)
        .where(steps.c.run_id == run, steps.c.state == "waiting")
        .values(state="not_run", error=reason, ended_at=at)
    )
    ended = {"state": "cancelled", "reason": reason, "ended_at": at, "next_at": None}
    conn.execute(update(runs).where(runs.c.id == run).values(held_by=None, **ended))


def _now(conn: Connection) -> datetime:
    """The database's own time, by which leases end."""
    if conn.dialect.name == "postgresql":
        found: datetime = conn.execute(select(func.now())).scalar_one()
        return found
    days = conn.execute(select(func.julianday("now"))).scalar_one()
    return from_micros(int((days - 2440587.5) * 86_400_000) * 1000)


def forget_outcome(conn: Connection, event: int) -> None:
    """An event that could not be read is as if nobody had looked at it."""
    conn.execute(delete(event_outcomes).where(event_outcomes.c.event_id == event))
    _forget(conn, dead, event)


def is_waiting(conn: Connection, event: int) -> bool:
    """Whether an event waits to be read or completed."""
    mine = select(waiting.c.id).where(
        waiting.c.kind.in_((int(Kind.EVENT), int(Kind.COMPLETION))), waiting.c.id == event
    )
    return conn.execute(mine.limit(1)).first() is not None


def _forget(conn: Connection, table: Table, event: int) -> None:
    kinds = (int(Kind.EVENT), int(Kind.COMPLETION))
    conn.execute(delete(table).where(table.c.kind.in_(kinds), table.c.id == event))
