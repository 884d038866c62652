"""Stores what arrived, a group at a time; the unique (source, key) decides what is a duplicate."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage import work
from relay.storage.database import Database
from relay.storage.tables.base import dump
from relay.storage.tables.events import events, payloads


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A verified request as it is to be kept. `dkey` None: it can be nobody's duplicate."""

    org: int
    source: int
    dkey: str | None
    okey: int | None
    headers: dict[str, str]
    body: bytes
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """The event an arrival became; a duplicate has an event of its own that names its `first`."""

    id: int
    first: int | None = None


def accept(db: Database, arrivals: Sequence[Arrival]) -> list[Stored]:
    """Commits a group of arrivals, each with its work, and answers them in the order given.

    Every duplicate is recorded and starts nothing. When this returns, all of it is durable; when
    it raises, none of it is stored.
    """
    stored: dict[int, Stored] = {}
    # Two processes that insert the same keys in other orders would wait for each other for ever.
    order = sorted(
        range(len(arrivals)), key=lambda at: (arrivals[at].source, arrivals[at].dkey or "")
    )
    with db.write() as connection:
        for at in order:
            stored[at] = _store(db, connection, arrivals[at])
        fresh = [at for at in order if stored[at].first is None]
        rows = [
            work.NewWork(id=stored[at].id, org=arrivals[at].org, okey=arrivals[at].okey)
            for at in sorted(fresh, key=lambda at: stored[at].id)
        ]
        work.add(db, connection, work.Kind.EVENT, rows)
    return [stored[at] for at in range(len(arrivals))]


def _store(db: Database, connection: Connection, arrival: Arrival) -> Stored:
    upsert = sqlite_insert if db.dialect == "sqlite" else postgresql_insert
    id = connection.execute(
        upsert(events)
        .values(**_row(arrival), dkey=arrival.dkey, okey=arrival.okey, state="accepted")
        .on_conflict_do_nothing(index_elements=["source_id", "dkey"])
        .returning(events.c.id)
    ).scalar_one_or_none()
    if id is None:
        return _duplicate(connection, arrival)
    connection.execute(
        insert(payloads).values(event_id=id, headers=dump(arrival.headers), body=arrival.body)
    )
    return Stored(id=id)


def _duplicate(connection: Connection, arrival: Arrival) -> Stored:
    first = connection.execute(
        select(events.c.id).where(
            events.c.source_id == arrival.source, events.c.dkey == arrival.dkey
        )
    ).scalar_one()
    id = connection.execute(
        insert(events)
        .values(**_row(arrival), state="duplicate", parent_id=first)
        .returning(events.c.id)
    ).scalar_one()
    return Stored(id=id, first=first)


def _row(arrival: Arrival) -> dict[str, object]:
    return {
        "org_id": arrival.org,
        "kind": "delivery",
        "source_id": arrival.source,
        "received_at": arrival.received_at,
    }
