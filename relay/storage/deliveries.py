"""Deliveries and the tries made at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage.batches import insert_fresh, insert_rows, update_rows
from relay.storage.numbers import next_ids
from relay.storage.sets import among, among_numbers
from relay.storage.tables.deliveries import deliveries, delivery_attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A message for one address. `dkey` is made from durable facts: written twice, it is one."""

    org: int
    dkey: str
    target_kind: str
    target_id: int
    message_id: str
    type: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    okey: int | None = None
    event_id: int | None = None
    run_id: int | None = None
    item_id: str | None = None
    redelivery_id: int | None = None
    state: str = "pending"
    reason: str | None = None


_AT_ONCE = 1000  # ids in one statement
_TARGETS = {"target": 0, "sandbox": 1, "hook": 2}


def target_key(kind: str, id: int) -> int:
    """How `work` names what is called: ids of targets, sandboxes' sources and hooks are numbered
    apart."""
    return id * 4 + _TARGETS[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """`known` are the keys of deliveries that are there already, `ids` numbers for new ones."""

    known: set[str]
    ids: list[int]


def begin(conn: Connection, org: int, dkeys: Sequence[str]) -> Begun:
    """The first statement of what an organization's deliveries are written with."""
    if conn.dialect.name == "sqlite":
        known = set(conn.execute(_KNOWN, {"org": org, "dkeys": dkeys}).scalars())
        return Begun(known=known, ids=next_ids(conn, deliveries, len(dkeys)))
    given = {"org": org, "dkeys": orjson.dumps(dkeys).decode(), "count": len(dkeys)}
    row = conn.execute(_BEGIN, given).one()
    return Begun(known=set(row.known), ids=sorted(row.ids))


_KNOWN = select(deliveries.c.dkey).where(
    deliveries.c.org_id == bindparam("org"), among(deliveries.c.dkey, "dkeys")
)
_BEGIN = text("""
SELECT ARRAY(SELECT dkey FROM deliveries WHERE org_id = :org
        AND dkey = ANY(ARRAY(SELECT json_array_elements_text(CAST(:dkeys AS json))))) AS known,
    ARRAY(SELECT nextval(pg_get_serial_sequence('deliveries', 'id'))
        FROM generate_series(1, :count)) AS ids""")


def insert_deliveries(
    conn: Connection, new: Mapping[int, NewDelivery], at: datetime
) -> dict[int, NewDelivery]:
    """Those of the deliveries, by id, that were not written before."""
    rows = [{"id": id, **_row(one, at)} for id, one in new.items()]
    fresh = insert_fresh(conn, deliveries, rows)
    return {id: one for id, one in new.items() if id in fresh}


def _row(new: NewDelivery, at: datetime) -> dict[str, Any]:
    return {
        "org_id": new.org,
        "dkey": new.dkey,
        "target_kind": new.target_kind,
        "target_id": new.target_id,
        "okey": new.okey,
        "event_id": new.event_id,
        "run_id": new.run_id,
        "item_id": new.item_id,
        "redelivery_id": new.redelivery_id,
        "message_id": new.message_id,
        "type": new.type,
        "url": new.url,
        "headers": dict(new.headers),
        "body": new.body,
        "state": new.state,
        "reason": new.reason,
        "created_at": at,
        "ended_at": None if new.state in ("pending", "held") else at,
    }


def insert_delivery(conn: Connection, new: NewDelivery, at: datetime) -> int:
    """Its id; that of the earlier one when it was written before."""
    upsert = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
    id = conn.execute(
        upsert(deliveries)
        .values(**_row(new, at))
        .on_conflict_do_nothing(index_elements=["org_id", "dkey"])
        .returning(deliveries.c.id)
    ).scalar_one_or_none()
    if id is None:
        known = select(deliveries.c.id).where(
            deliveries.c.org_id == new.org, deliveries.c.dkey == new.dkey
        )
        id = conn.execute(known).scalar_one()
    return int(id)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """A delivery to be made now."""

    id: int
    org: int
    target_kind: str
    target_id: int
    message_id: str
    type: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    state: str
    attempts: int
    created_at: datetime
    next_at: datetime | None


def as_written(id: int, new: NewDelivery, at: datetime) -> DeliveryRow:
    """A delivery as it is read, by who has just written it."""
    return DeliveryRow(
        id=id,
        org=new.org,
        target_kind=new.target_kind,
        target_id=new.target_id,
        message_id=new.message_id,
        type=new.type,
        url=new.url,
        headers=new.headers,
        body=new.body,
        state=new.state,
        attempts=0,
        created_at=at,
        next_at=None,
    )


def read_deliveries(conn: Connection, ids: Sequence[int]) -> list[DeliveryRow]:
    """The deliveries, by id."""
    rows = conn.execute(
        select(
            deliveries.c.id,
            deliveries.c.org_id.label("org"),
            deliveries.c.target_kind,
            deliveries.c.target_id,
            deliveries.c.message_id,
            deliveries.c.type,
            deliveries.c.url,
            deliveries.c.headers,
            deliveries.c.body,
            deliveries.c.state,
            deliveries.c.attempts,
            deliveries.c.created_at,
            deliveries.c.next_at,
        )
        .where(among_numbers(deliveries.c.id, "ids"))
        .order_by(deliveries.c.id),
        {"ids": ids},
    )
    return [DeliveryRow(**row._mapping) for row in rows]


def write_delivery_attempts(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    insert_rows(conn, delivery_attempts, rows)


def update_delivery(conn: Connection, id: int, values: Mapping[str, Any]) -> None:
    conn.execute(update(deliveries).where(deliveries.c.id == id).values(**values))


def write_outcomes(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """What became of deliveries: state, reason, tries and times, by `id`."""
    update_rows(conn, deliveries, rows)


def cancel(
    conn: Connection, org: int, hook: int, ids: Sequence[int], reason: str, at: datetime
) -> None:
    """Ends those that waited, and what was held for the hook."""
    ended = {"state": "cancelled", "reason": reason, "ended_at": at, "next_at": None}
    mine = update(deliveries).where(deliveries.c.org_id == org).values(**ended)
    for first in range(0, len(ids), _AT_ONCE):
        some = deliveries.c.id.in_(ids[first : first + _AT_ONCE])
        conn.execute(mine.where(some, deliveries.c.state == "pending"))
    of_hook = (deliveries.c.target_kind == "hook", deliveries.c.target_id == hook)
    conn.execute(mine.where(deliveries.c.state == "held", *of_hook))
