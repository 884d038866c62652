"""Stores what arrived, a group at a time; the unique (source, key) decides what is a duplicate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage import work
from relay.storage.database import Database
from relay.storage.tables.base import dump, load
from relay.storage.tables.events import event_outcomes, events, facts, payloads


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """An event with what it carries: a delivery's request, a transition's record, or facts."""

    id: int
    org: int
    kind: str
    source: int
    okey: int | None
    depth: int
    received_at: datetime
    headers: Mapping[str, str]
    body: bytes
    facts: Mapping[str, Any] | None


def read_events(conn: Connection, ids: Sequence[int]) -> list[EventRow]:
    """The events, by id, which is the order they came in."""
    rows = conn.execute(
        select(
            events.c.id,
            events.c.org_id,
            events.c.kind,
            events.c.source_id,
            events.c.okey,
            events.c.depth,
            events.c.received_at,
            payloads.c.headers,
            payloads.c.body,
            facts.c.type,
            facts.c.data,
            facts.c.body.label("facts_body"),
            facts.c.occurred_at,
        )
        .outerjoin(payloads, payloads.c.event_id == events.c.id)
        .outerjoin(facts, facts.c.event_id == events.c.id)
        .where(events.c.id.in_(ids))
        .order_by(events.c.id)
    )
    return [
        EventRow(
            id=row.id,
            org=row.org_id,
            kind=row.kind,
            source=row.source_id,
            okey=row.okey,
            depth=row.depth,
            received_at=row.received_at,
            headers=load(row.headers) if row.headers else {},
            body=row.body or b"",
            facts=None
            if row.type is None
            else {
                "type": row.type,
                "data": row.data,
                "body": row.facts_body,
                "occurred_at": row.occurred_at,
            },
        )
        for row in rows
    ]


def insert_events(db: Database, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Writes events whose ids are known; the ids of those whose key was new."""
    if not rows:
        return set()
    upsert = sqlite_insert if db.dialect == "sqlite" else postgresql_insert
    statement = (
        upsert(events)
        .on_conflict_do_nothing(index_elements=["source_id", "dkey"])
        .returning(events.c.id)
    )
    return set(conn.execute(statement, list(rows)).scalars())


def insert_payloads(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        conn.execute(insert(payloads), list(rows))


def insert_facts(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        conn.execute(insert(facts), list(rows))


def insert_outcomes(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """What became of events, once each."""
    if rows:
        conn.execute(insert(event_outcomes), list(rows))


def reject(
    conn: Connection,
    org: int,
    source: int,
    why: str,
    headers: Mapping[str, str],
    at: datetime,
) -> int:
    """Keeps a refused delivery with its reason; its body is nobody's to keep."""
    row = {
        "org_id": org,
        "kind": "delivery",
        "source_id": source,
        "state": "rejected",
        "reason": why,
        "received_at": at,
    }
    id = int(conn.execute(insert(events).values(**row).returning(events.c.id)).scalar_one())
    kept = {name: value for name, value in headers.items() if name not in _SECRET_HEADERS}
    conn.execute(insert(payloads).values(event_id=id, headers=dump(kept), body=b""))
    return id


_SECRET_HEADERS = frozenset({"authorization", "cookie", "x-api-key"})
