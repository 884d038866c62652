"""A failed run is set going again by a person, at the step that stopped it. What was booked is not
booked twice: the sale is looked for by its number first."""

from sqlalchemy import Connection, delete, func, select, update

from relay.core.errors import Conflict, NotFound
from relay.core.ids import ordering_key, public
from relay.pipeline.execution import FAILURE_STEPS
from relay.queue import ACT
from relay.runtime import Runtime
from relay.storage import identity, work
from relay.storage.tables.runs import runs, steps
from relay.storage.work import Kind, NewWork


def try_again(runtime: Runtime, org: int, run: int, *, by: str) -> None:
    """Raises NotFound, or Conflict for a run that did not fail at a step."""
    name = public("run", run)
    with runtime.db.write() as conn:
        row = conn.execute(
            select(runs.c.state, runs.c.item_id)
            .where(runs.c.org_id == org, runs.c.id == run)
            .with_for_update()
        ).first()
        if row is None:
            raise NotFound(f"there is no run {name} here")
        at = _stopped_at(conn, run)
        if row.state != "failed" or at is None:
            raise Conflict(f"{name} is {row.state}: it has no step to try again")
        _reopen(conn, run, at)
        okey = ordering_key(f"item:{row.item_id}") if row.item_id else None
        work.add(runtime.db, conn, Kind.RUN, [NewWork(id=run, org=org, okey=okey)])
        identity.audit(conn, org, by, "run tried again", name, at=runtime.clock.now())
    runtime.queue.wake(ACT, [run])


def _stopped_at(conn: Connection, run: int) -> int | None:
    """The number of the step that failed last; those before it were allowed to."""
    query = select(func.max(steps.c.n)).where(
        steps.c.run_id == run, steps.c.state == "failed", steps.c.n < FAILURE_STEPS
    )
    found: int | None = conn.execute(query).scalar_one()
    return found


def _reopen(conn: Connection, run: int, at: int) -> None:
    """As the run stood before that step; what it did on failure is done again if it fails again."""
    conn.execute(delete(steps).where(steps.c.run_id == run, steps.c.n >= FAILURE_STEPS))
    conn.execute(
        update(steps)
        .where(steps.c.run_id == run, steps.c.n == at)
        .values(state="waiting", attempts=0, error=None, ended_at=None)
    )
    conn.execute(
        update(runs).where(runs.c.id == run).values(state="waiting", reason=None, ended_at=None)
    )
