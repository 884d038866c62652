"""Deliveries and the tries made at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

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
    event_id: int | None = None
    run_id: int | None = None
    captured: bool = False


def insert_delivery(conn: Connection, new: NewDelivery, at: datetime) -> int:
    """Its id; that of the earlier one when it was written before."""
    upsert = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
    id = conn.execute(
        upsert(deliveries)
        .values(
            org_id=new.org,
            dkey=new.dkey,
            target_kind=new.target_kind,
            target_id=new.target_id,
            event_id=new.event_id,
            run_id=new.run_id,
            message_id=new.message_id,
            type=new.type,
            url=new.url,
            headers=dict(new.headers),
            body=new.body,
            state="captured" if new.captured else "pending",
            reason="a test organization reaches allowed addresses only" if new.captured else None,
            created_at=at,
            ended_at=at if new.captured else None,
        )
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
        )
        .where(deliveries.c.id.in_(ids))
        .order_by(deliveries.c.id)
    )
    return [DeliveryRow(**row._mapping) for row in rows]


def write_delivery_attempts(conn: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        conn.execute(insert(delivery_attempts), list(rows))


def update_delivery(conn: Connection, id: int, values: Mapping[str, Any]) -> None:
    conn.execute(update(deliveries).where(deliveries.c.id == id).values(**values))
