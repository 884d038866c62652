"""Bookings as people see them, newest first."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from relay.storage.reads.page import Cut, Page, cut_page
from relay.storage.tables.crm import items
from relay.storage.tables.runs import bookings
from relay.storage.tables.setup import connections


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRow:
    """One booking: what was booked where, for which deal, by which run."""

    id: int
    connection: str | None
    provider: str | None
    verb: str
    item_id: str
    item_name: str | None
    list_id: str | None
    number: str
    state: str
    run_id: int
    external_id: str | None
    external_number: str | None
    url: str | None
    amount: str | None
    currency: str | None
    created_at: datetime
    booked_at: datetime | None


def page(conn: Connection, org: int, cut: Cut) -> Page[BookingRow]:
    """A page of bookings, newest first."""
    return cut_page(conn, _LIST.where(bookings.c.org_id == org), bookings.c.id, cut, _read)


def with_number(conn: Connection, org: int, number: str) -> Sequence[BookingRow]:
    """Those that carry a number, ours or the provider's."""
    found = []
    for column in (bookings.c.number, bookings.c.external_number):
        query = _LIST.where(bookings.c.org_id == org, column == number).limit(20)
        found += [_read(row) for row in conn.execute(query)]
    return list({one.id: one for one in found}.values())


def of_item(conn: Connection, org: int, item: str) -> list[BookingRow]:
    """Those of one deal, oldest first."""
    query = _LIST.where(bookings.c.org_id == org, bookings.c.item_id == item)
    return [_read(row) for row in conn.execute(query.order_by(bookings.c.id))]


def between(conn: Connection, org: int, first: datetime, after: datetime) -> list[BookingRow]:
    """Those that were made in the time, oldest first."""
    at = func.coalesce(bookings.c.booked_at, bookings.c.created_at)
    query = _LIST.where(bookings.c.org_id == org, at >= first, at < after)
    return [_read(row) for row in conn.execute(query.order_by(bookings.c.id).limit(_MOST))]


def of_items(conn: Connection, org: int, ids: Collection[str]) -> list[BookingRow]:
    """Those of several deals."""
    query = _LIST.where(bookings.c.org_id == org, bookings.c.item_id.in_(ids))
    return [_read(row) for row in conn.execute(query.order_by(bookings.c.id))]


_MOST = 10_000

_LIST: Select[Any] = (
    select(
        bookings,
        connections.c.name.label("connection"),
        connections.c.provider,
        items.c.name.label("item_name"),
        items.c.list_id,
    )
    .select_from(bookings)
    .outerjoin(connections, connections.c.id == bookings.c.connection_id)
    .outerjoin(items, items.c.id == bookings.c.item_id)
)


def _read(row: Any) -> BookingRow:
    return BookingRow(**{name: getattr(row, name) for name in BookingRow.__slots__})
