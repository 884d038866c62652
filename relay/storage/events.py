"""Stores what arrived, a group at a time; the unique (source, key) decides what is a duplicate."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, insert, or_, select, text

from relay.storage import work
from relay.storage.batches import insert_fresh, insert_rows
from relay.storage.bundle import Bundle
from relay.storage.database import Database
from relay.storage.numbers import next_ids
from relay.storage.sets import among_numbers
from relay.storage.tables.base import dump, load, to_micros
from relay.storage.tables.events import event_outcomes, events, facts, payloads
from relay.storage.tables.identity import organizations

# What a delivery told of is stored soon after it; beyond this many rows nobody looks for it.
_SOON = 20_000


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
    # Two processes that insert the same keys in other orders would wait for each other for ever.
    order = sorted(
        range(len(arrivals)), key=lambda at: (arrivals[at].source, arrivals[at].dkey or "")
    )
    stored: dict[int, Stored] = {}
    with db.write() as connection:
        insert_fresh = _fresh_sqlite if db.dialect == "sqlite" else _fresh_postgresql
        ids = insert_fresh(db, connection, [arrivals[at] for at in order])
        for at, id in zip(order, ids, strict=True):
            stored[at] = _duplicate(connection, arrivals[at]) if id is None else Stored(id=id)
    return [stored[at] for at in range(len(arrivals))]


def _fresh_postgresql(
    db: Database, connection: Connection, arrivals: Sequence[Arrival]
) -> list[int | None]:
    """One statement for the group; the ids, None where the key was there already."""
    del db
    given = [
        {
            "n": n,
            "org_id": one.org,
            "source_id": one.source,
            "dkey": one.dkey,
            "okey": one.okey,
            "received_at": one.received_at,
            "headers": dump(one.headers),
            "body": base64.b64encode(one.body).decode(),
        }
        for n, one in enumerate(arrivals, start=1)
    ]
    rows = connection.execute(_ACCEPT, {"given": orjson.dumps(given).decode()})
    numbers = {row.n: row.id for row in rows}
    return [numbers.get(n) for n in range(1, len(arrivals) + 1)]


# 1 is work.Kind.EVENT. One JSON text: to write seven arrays cost half of the request's CPU.
_ACCEPT = text("""
WITH given AS MATERIALIZED (
    SELECT t.*, nextval(pg_get_serial_sequence('events', 'id')) AS id
    FROM json_to_recordset(CAST(:given AS json)) AS t(n int, org_id bigint, source_id bigint,
        dkey text, okey bigint, received_at timestamptz, headers text, body text)),
fresh AS (
    INSERT INTO events (id, org_id, kind, source_id, dkey, okey, state, received_at)
    SELECT id, org_id, 'delivery', source_id, dkey, okey, 'accepted', received_at
    FROM given ORDER BY n
    ON CONFLICT (source_id, dkey) DO NOTHING RETURNING id),
kept AS (
    INSERT INTO payloads (event_id, headers, body)
    SELECT id, headers, decode(body, 'base64') FROM given JOIN fresh USING (id)),
waiting AS (
    INSERT INTO work (kind, id, org_id, okey, due_at, attempts)
    SELECT 1, id, org_id, okey, now(), 0 FROM given JOIN fresh USING (id))
SELECT n, id FROM given JOIN fresh USING (id)""")


def _fresh_sqlite(
    db: Database, connection: Connection, arrivals: Sequence[Arrival]
) -> list[int | None]:
    """The same by reading first: there is one writer, and this is it."""
    known = _known(connection, arrivals)
    fresh: list[int | None] = []
    ids = iter(next_ids(connection, events, len(arrivals)))
    for one in arrivals:
        key = (one.source, one.dkey)
        fresh.append(None if key in known else next(ids))
        if one.dkey is not None:
            known.add(key)
    if rows := [(id, one) for id, one in zip(fresh, arrivals, strict=True) if id is not None]:
        connection.exec_driver_sql(
            "INSERT INTO events (id, org_id, kind, source_id, dkey, okey, state, received_at)"
            " VALUES (?, ?, 'delivery', ?, ?, ?, 'accepted', ?)",
            [
                (id, one.org, one.source, one.dkey, one.okey, to_micros(one.received_at))
                for id, one in rows
            ],
        )
        connection.exec_driver_sql(
            "INSERT INTO payloads (event_id, headers, body) VALUES (?, ?, ?)",
            [(id, dump(one.headers), one.body) for id, one in rows],
        )
        waiting = [work.NewWork(id=id, org=one.org, okey=one.okey) for id, one in rows]
        work.add(db, connection, work.Kind.EVENT, waiting)
    return fresh


def _known(connection: Connection, arrivals: Sequence[Arrival]) -> set[tuple[int, str | None]]:
    keys = json.dumps([[one.source, one.dkey] for one in arrivals if one.dkey is not None])
    rows = connection.exec_driver_sql(
        "SELECT e.source_id, e.dkey FROM json_each(?) k JOIN events e ON"
        " e.source_id = json_extract(k.value, '$[0]') AND e.dkey = json_extract(k.value, '$[1]')",
        (keys,),
    )
    return {(row.source_id, row.dkey) for row in rows}


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
    version: int  # of what its organization has set up, as it was then


def read_events(conn: Connection, ids: Sequence[int]) -> list[EventRow]:
    """The events, by id, which is the order they came in."""
    rows = conn.execute(_WHOLE, {"ids": ids})
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
            version=row.config_version,
        )
        for row in rows
    ]


_WHOLE = (
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
        organizations.c.config_version,
    )
    .join(organizations, organizations.c.id == events.c.org_id)
    .outerjoin(payloads, payloads.c.event_id == events.c.id)
    .outerjoin(facts, facts.c.event_id == events.c.id)
    .where(among_numbers(events.c.id, "ids"))
    .order_by(events.c.id)
)


def parent_of(conn: Connection, event: int) -> int | None:
    """The event that led to this one, where there is one."""
    found: int | None = conn.execute(
        select(events.c.parent_id).where(events.c.id == event)
    ).scalar_one_or_none()
    return found


def event_under(conn: Connection, source: int, dkey: str) -> int:
    """The event that has this key."""
    query = select(events.c.id).where(events.c.source_id == source, events.c.dkey == dkey)
    return int(conn.execute(query).scalar_one())


def looked_at(conn: Connection, org: int, since: datetime, limit: int) -> list[int]:
    """The newest events since then that rules have looked at, oldest first."""
    query = (
        select(events.c.id)
        .join(event_outcomes, event_outcomes.c.event_id == events.c.id)
        .join(payloads, payloads.c.event_id == events.c.id, isouter=True)
        .join(facts, facts.c.event_id == events.c.id, isouter=True)
        .where(
            events.c.org_id == org,
            events.c.received_at >= since,
            event_outcomes.c.state.in_(("routed", "no_rule")),
            # What retention has taken away says nothing any more; an emitted event is no trigger.
            or_(payloads.c.event_id.is_not(None), facts.c.event_id.is_not(None)),
            or_(events.c.source_id != 0, events.c.kind != "completion"),
        )
        .order_by(events.c.id.desc())
        .limit(limit)
    )
    return sorted(conn.execute(query).scalars())


def parts_of(conn: Connection, org: int, event: int) -> list[int]:
    """The events that a delivery told of, each with facts of its own."""
    query = (
        select(events.c.id)
        .join(facts, facts.c.event_id == events.c.id)
        .where(
            events.c.org_id == org,
            events.c.parent_id == event,
            events.c.kind == "completion",
            events.c.source_id != 0,
            events.c.id > event,
            events.c.id <= event + _SOON,
        )
    )
    return list(conn.execute(query.order_by(events.c.id)).scalars())


def insert_events(db: Database, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Writes events whose ids are known; the ids of those whose key was new."""
    del db
    return insert_fresh(conn, events, rows)


def insert_payloads(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    insert_rows(conn, payloads, rows)


def insert_facts(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    insert_rows(conn, facts, rows)


def insert_outcomes(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """What became of events, once each."""
    insert_rows(conn, event_outcomes, rows)


def gather_outcomes(bundle: Bundle, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same, to be written with what else is in the bundle."""
    bundle.add(event_outcomes, rows)


def reject(
    conn: Connection,
    org: int,
    source: int,
    why: str,
    headers: Mapping[str, str],
    body: bytes,
    at: datetime,
) -> int:
    """Keeps a refused delivery with its reason. What may be a secret has been masked."""
    row = {
        "org_id": org,
        "kind": "delivery",
        "source_id": source,
        "state": "rejected",
        "reason": why,
        "received_at": at,
    }
    id = int(conn.execute(insert(events).values(**row).returning(events.c.id)).scalar_one())
    conn.execute(insert(payloads).values(event_id=id, headers=dump(dict(headers)), body=body))
    return id
