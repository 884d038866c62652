"""Claims, leases and order, on both databases."""

import threading
from datetime import UTC, datetime

from sqlalchemy import func, select, update

from relay.storage import work
from relay.storage.database import Database
from relay.storage.tables.work import dead
from relay.storage.tables.work import work as table
from relay.storage.work import Kind, NewWork

LONG = 60.0
NOW = datetime(2026, 5, 12, 14, 31, tzinfo=UTC)


def put(db: Database, *rows: tuple[int, int | None]) -> None:
    with db.write() as connection:
        new = [NewWork(id=id, org=1, okey=okey) for id, okey in rows]
        work.add(db, connection, Kind.RUN, new)


def take(db: Database, *ids: int, token: int = 1, seconds: float = LONG) -> list[int]:
    leases = work.claim(db, Kind.RUN, ids, seconds=seconds, token=token)
    return [lease.id for lease in leases]


def finish(db: Database, *ids: int, token: int = 1) -> set[int]:
    with db.write() as connection:
        return work.fence(db, connection, Kind.RUN, ids, token=token)


def test_a_claimed_row_cannot_be_claimed_again_while_its_lease_lasts(db: Database) -> None:
    put(db, (1, None))
    assert take(db, 1) == [1]
    assert take(db, 1, token=2) == []


def test_work_of_a_dead_worker_is_claimed_again_and_counted(db: Database) -> None:
    put(db, (1, None))
    assert take(db, 1, seconds=-1.0) == [1]
    (lease,) = work.claim(db, Kind.RUN, [1], seconds=LONG, token=2)
    assert lease.attempts == 2


def test_a_claim_says_what_was_due_for_longer_than_a_wake_up_takes(db: Database) -> None:
    put(db, (1, None), (2, None))
    with db.write() as connection:
        connection.execute(update(table).where(table.c.id == 1).values(due_at=NOW))
    late, fresh = work.claim(db, Kind.RUN, [1, 2], seconds=LONG, token=1)
    assert late.is_late
    assert not fresh.is_late


def test_who_wakes_after_his_lease_has_ended_changes_nothing(db: Database) -> None:
    put(db, (1, None))
    take(db, 1, token=1, seconds=-1.0)
    take(db, 1, token=2)
    assert finish(db, 1, token=1) == set()
    assert finish(db, 1, token=2) == {1}


def test_work_for_one_key_is_taken_in_order_and_other_keys_flow(db: Database) -> None:
    put(db, (1, 7), (2, 7), (3, 8))
    assert take(db, 2, 3) == [3]
    assert take(db, 1) == [1]
    assert take(db, 2) == []
    finish(db, 1)
    assert take(db, 2) == [2]


def test_a_whole_run_of_one_key_may_be_taken_together(db: Database) -> None:
    put(db, (1, 7), (2, 7), (3, 7))
    assert take(db, 3, 1, 2) == [1, 2, 3]


def test_the_backlog_is_taken_oldest_first_past_a_key_that_waits(db: Database) -> None:
    put(db, (1, 7), (2, 7), (3, None))
    leases = work.top_up(db, Kind.RUN, seconds=LONG, token=1)
    assert [lease.id for lease in leases] == [1, 3]


def test_a_retry_is_due_later_and_only_for_who_holds_it(db: Database) -> None:
    put(db, (1, None))
    take(db, 1)
    with db.write() as connection:
        assert not work.retry(db, connection, Kind.RUN, 1, token=9, seconds=0)
        assert work.retry(db, connection, Kind.RUN, 1, token=1, seconds=3600)
    assert take(db, 1) == []


def test_the_sweep_finds_what_nobody_was_woken_for_and_leaves_fresh_work_alone(
    db: Database,
) -> None:
    put(db, (1, None), (2, 7), (3, 7))
    assert work.overdue(db, Kind.RUN, grace=-1.0) == [1, 2]
    assert work.overdue(db, Kind.RUN, grace=60.0) == []
    assert work.overdue(db, Kind.DELIVERY, grace=-1.0) == []


def test_finished_work_leaves_the_table_empty_and_a_dead_letter_says_why(db: Database) -> None:
    put(db, (1, None))
    (lease,) = work.claim(db, Kind.RUN, [1], seconds=LONG, token=1)
    with db.write() as connection:
        assert work.fence(db, connection, Kind.RUN, [1], token=1) == {1}
        work.bury(connection, Kind.RUN, lease, at=NOW, place="step receipt", reason="no plan")
    with db.read() as connection:
        assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
        assert connection.execute(select(dead.c.reason, dead.c.at)).one() == ("no plan", NOW)


def test_workers_at_once_never_take_the_same_row(db: Database) -> None:
    put(db, *((id, None) for id in range(1, 65)))
    taken: list[int] = []

    def worker(token: int) -> None:
        taken.extend(take(db, *range(1, 65), token=token))

    threads = [threading.Thread(target=worker, args=(token,)) for token in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken))
    assert set(taken) | set(take(db, *range(1, 65), token=99)) == set(range(1, 65))
