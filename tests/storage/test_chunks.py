"""What a chunk is recorded with: its first statement, and the rows that are written together."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from relay.storage import chunks, work
from relay.storage.batches import MISSING, Way
from relay.storage.bundle import Bundle
from relay.storage.database import Database
from relay.storage.tables.events import event_outcomes
from relay.storage.tables.runs import steps
from relay.storage.work import Kind, NewWork

NOW = datetime(2026, 5, 12, 14, 31, tzinfo=UTC)
AGAIN = Way(by=("run_id", "n"), keep=("started_at",))


def step(state: str, output: dict[str, Any] | None = None, at: datetime = NOW) -> dict[str, Any]:
    return {
        "run_id": 1, "n": 0, "step_id": "a", "use": "crm.update_item", "state": state,
        "input": {"since": NOW}, "output": output, "started_at": at, "ended_at": at,
    }  # fmt: skip


def outcome(event: int, state: str) -> dict[str, Any]:
    return {"event_id": event, "org_id": 1, "state": state, "at": NOW}


def test_a_chunk_ends_its_events_and_learns_which_keys_are_busy(db: Database) -> None:
    with db.write() as conn:
        waiting = [NewWork(id=1, org=1), NewWork(id=2, org=1), NewWork(id=3, org=1)]
        work.add(db, conn, Kind.EVENT, waiting)
        work.add(db, conn, Kind.RUN, [NewWork(id=8, org=1, okey=70), NewWork(id=9, org=1, okey=70)])
    work.claim(db, Kind.EVENT, [1, 2], seconds=60.0, token=5)
    with db.write() as conn:
        begun = chunks.begin(db, conn, [1, 2, 3], token=5, runs=3, keys={70, 71})
    assert begun.held == {1, 2}
    assert begun.busy == {70}
    assert begun.runs == sorted(set(begun.runs))
    assert len(begun.runs) == 3
    assert work.overdue(db, Kind.EVENT, grace=0.0) == [3]


def test_a_bundle_writes_every_table_with_its_own_way(db: Database) -> None:
    bundle = Bundle()
    bundle.add(event_outcomes, [outcome(1, "routed")])
    bundle.add(steps, [step("waiting")])
    with db.write() as conn:
        bundle.write(conn)
    later = datetime(2026, 5, 12, 15, 0, tzinfo=UTC)
    bundle.add(event_outcomes, [outcome(1, "no_rule"), outcome(2, "no_rule")], MISSING)
    bundle.add(steps, [step("succeeded", {"id": "x"}, later)], AGAIN)
    with db.write() as conn:
        bundle.write(conn)
        bundle.write(conn)  # it is empty by now
    with db.read() as conn:
        found = conn.execute(select(event_outcomes.c.event_id, event_outcomes.c.state))
        states = {row.event_id: row.state for row in found}
        done = conn.execute(select(steps)).one()
    assert states == {1: "routed", 2: "no_rule"}
    assert (done.state, done.output, done.input) == ("succeeded", {"id": "x"}, {"since": NOW})
    assert (done.started_at, done.ended_at) == (NOW, later)
