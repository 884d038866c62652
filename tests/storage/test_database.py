"""What is stored comes back as it was, and writers take turns."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError, StatementError

from relay.storage.database import Database
from relay.storage.tables import metadata
from relay.storage.tables.base import dump, load
from relay.storage.tables.events import events

NOW = datetime(2026, 5, 12, 14, 31, 7, 212345, tzinfo=UTC)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.dates()
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["$n", "$t", "$", "a"]), inner),
    max_leaves=12,
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'relay.db'}")
    metadata.create_all(database.engine)
    yield database
    database.close()


def arrival(key: str | None, received_at: datetime = NOW) -> dict[str, object]:
    return {
        "org_id": 1,
        "kind": "delivery",
        "source_id": 7,
        "dkey": key,
        "state": "accepted",
        "received_at": received_at,
    }


def count(db: Database) -> int:
    with db.read() as connection:
        return connection.execute(select(func.count()).select_from(events)).scalar_one()


@given(json_values)
def test_any_value_comes_back_with_its_type(value: object) -> None:
    assert load(dump(value)) == value


def test_an_amount_keeps_its_last_zero_and_a_day_stays_a_day() -> None:
    kept = load(dump({"amount": Decimal("0.10"), "paid_on": date(2026, 5, 12), "at": NOW}))
    assert str(kept["amount"]) == "0.10"
    assert kept["paid_on"] == date(2026, 5, 12)
    assert kept["at"] == NOW


def test_a_senders_document_that_looks_like_our_tag_is_kept_as_sent() -> None:
    assert load(dump({"$n": "not a number"})) == {"$n": "not a number"}


def test_a_nul_that_postgresql_could_not_store_is_replaced() -> None:
    assert load(dump({"name": "a\0b"})) == {"name": "a\ufffdb"}


def test_the_same_key_is_stored_once_and_keyless_events_never_collide(db: Database) -> None:
    with db.write() as connection:
        connection.execute(insert(events), [arrival("form-1"), arrival(None), arrival(None)])
    with pytest.raises(IntegrityError), db.write() as connection:
        connection.execute(insert(events), [arrival("form-1")])
    assert count(db) == 3


def test_a_time_comes_back_to_the_microsecond_and_a_naive_one_is_refused(db: Database) -> None:
    with db.write() as connection:
        connection.execute(insert(events), [arrival("a")])
    with db.read() as connection:
        assert connection.execute(select(events.c.received_at)).scalar_one() == NOW
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(StatementError, match="no time zone"), db.write() as connection:
        connection.execute(insert(events), [arrival("b", naive)])


def test_a_failed_transaction_leaves_nothing_behind(db: Database) -> None:
    with pytest.raises(RuntimeError), db.write() as connection:
        connection.execute(insert(events), [arrival("a")])
        raise RuntimeError("the process failed in mid-write")
    assert count(db) == 0


def test_writers_in_many_threads_lose_nothing(db: Database) -> None:
    def write(name: str) -> None:
        for turn in range(20):
            with db.write() as connection:
                connection.execute(insert(events), [arrival(f"{name}-{turn}")])

    threads = [threading.Thread(target=write, args=(f"thread {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(db) == 120


def test_an_acknowledged_row_survives_a_power_cut_by_the_databases_settings(db: Database) -> None:
    with db.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        full = 2
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == full
