"""A delivery is stored once, with its work, before anybody is answered."""

import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from relay.storage import work
from relay.storage.database import Database
from relay.storage.events import Arrival, Stored, accept
from relay.storage.tables.events import events, payloads
from relay.storage.work import Kind

NOW = datetime(2026, 5, 12, 14, 31, tzinfo=UTC)


def arrival(dkey: str | None, *, source: int = 7, body: bytes = b"{}") -> Arrival:
    return Arrival(
        org=1, source=source, dkey=dkey, okey=None, headers={}, body=body, received_at=NOW
    )


def count(db: Database, state: str) -> int:
    query = select(func.count()).select_from(events).where(events.c.state == state)
    with db.read() as connection:
        return connection.execute(query).scalar_one()


def test_each_arrival_is_answered_in_its_place_and_its_bytes_are_kept(db: Database) -> None:
    first, second = accept(db, [arrival("z", body=b"last\xff"), arrival("a", body=b"first")])
    with db.read() as connection:
        rows = connection.execute(select(payloads.c.event_id, payloads.c.body)).all()
        kept = {row.event_id: row.body for row in rows}
    assert kept == {first.id: b"last\xff", second.id: b"first"}


def test_a_duplicate_names_the_first_and_starts_nothing(db: Database) -> None:
    (first,) = accept(db, [arrival("form-1")])
    (again,) = accept(db, [arrival("form-1")])
    assert again == Stored(id=again.id, first=first.id)
    assert work.overdue(db, Kind.EVENT, grace=-1.0) == [first.id]


def test_twins_in_one_group_are_one_event(db: Database) -> None:
    accept(db, [arrival("form-1"), arrival("form-1"), arrival(None), arrival(None)])
    assert (count(db, "accepted"), count(db, "duplicate")) == (3, 1)


def test_the_same_key_at_another_source_is_another_event(db: Database) -> None:
    accept(db, [arrival("form-1"), arrival("form-1", source=8)])
    assert count(db, "accepted") == 2


def test_fifty_identical_posts_at_once_are_one_event(db: Database) -> None:
    def post() -> None:
        for _ in range(10):
            accept(db, [arrival("b"), arrival("a")])

    threads = [threading.Thread(target=post) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (count(db, "accepted"), count(db, "duplicate")) == (2, 98)


def test_a_group_that_cannot_be_stored_leaves_nothing_behind(db: Database) -> None:
    too_wide = arrival("b", source=2**70)
    with pytest.raises((SQLAlchemyError, OverflowError, TypeError)):
        accept(db, [arrival("a"), too_wide])
    assert count(db, "accepted") == 0
