"""Deliveries as people see them: a page of them, and one with the tries made at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Text, case, cast, func, literal, select

from relay.core.errors import NotFound
from relay.storage.reads.page import Cut, Page, cut_page, scan_floor
from relay.storage.tables.deliveries import deliveries, delivery_attempts
from relay.storage.tables.runs import runs
from relay.storage.tables.setup import targets

STATES = ("pending", "delivered", "failed", "held", "captured", "cancelled")
_OF_ONE_EVENT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One delivery in a list. `target` is its name, or the hook; None for a sandbox's
    notification."""

    id: int
    type: str
    target_kind: str
    target: str | None
    url: str
    state: str
    reason: str | None
    attempts: int
    last_status: int | None
    event_id: int | None
    run_id: int | None
    item_id: str | None
    message_id: str
    created_at: datetime
    ended_at: datetime | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryTry:
    """One try, and what the other side answered."""

    attempt: int
    at: datetime
    took_ms: float
    status: int | None
    response_headers: Mapping[str, str]
    response_body: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDetail:
    """Everything that is kept of a delivery."""

    row: DeliveryRow
    headers: Mapping[str, str]
    body: bytes
    tries: Sequence[DeliveryTry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list of deliveries is narrowed to."""

    state: str | None = None
    target: str | None = None
    run: int | None = None
    hook: int | None = None
    type: str | None = None


def page(conn: Connection, org: int, wanted: Filter, cut: Cut) -> Page[DeliveryRow]:
    """A page of deliveries, newest first."""
    statement = _LIST.where(deliveries.c.org_id == org)
    if wanted.state:
        statement = statement.where(deliveries.c.state == wanted.state)
    if wanted.target:
        statement = statement.where(targets.c.name == wanted.target)
    if wanted.run is not None:
        statement = statement.where(deliveries.c.run_id == wanted.run)
    if wanted.hook is not None:
        of_hook = (deliveries.c.target_kind == "hook", deliveries.c.target_id == wanted.hook)
        statement = statement.where(*of_hook)
    if wanted.type:
        statement = statement.where(deliveries.c.type == wanted.type)
    floor = scan_floor(cut, _newest(conn, org)) if wanted.target or wanted.type else None
    return cut_page(conn, statement, deliveries.c.id, cut, _read, floor=floor)


def _newest(conn: Connection, org: int) -> int:
    query = select(deliveries.c.id).where(deliveries.c.org_id == org)
    return conn.execute(query.order_by(deliveries.c.id.desc()).limit(1)).scalar_one_or_none() or 0


def of_runs(conn: Connection, org: int, ids: Sequence[int]) -> list[DeliveryRow]:
    """What these runs sent, oldest first."""
    if not ids:
        return []
    mine = _LIST.where(deliveries.c.org_id == org, deliveries.c.run_id.in_(ids))
    return [_read(row) for row in conn.execute(mine.order_by(deliveries.c.id).limit(_OF_ONE_EVENT))]


def detail(conn: Connection, org: int, id: int) -> DeliveryDetail:
    """Raises NotFound."""
    mine = (deliveries.c.org_id == org, deliveries.c.id == id)
    row = conn.execute(_LIST.where(*mine)).first()
    if row is None:
        raise NotFound(f"there is no delivery dlv_{id} here")
    sent = conn.execute(select(deliveries.c.headers, deliveries.c.body).where(*mine)).one()
    tries = conn.execute(
        select(delivery_attempts)
        .where(delivery_attempts.c.org_id == org, delivery_attempts.c.delivery_id == id)
        .order_by(delivery_attempts.c.id)
    )
    return DeliveryDetail(
        row=_read(row), headers=sent.headers, body=sent.body, tries=[_try(one) for one in tries]
    )


_HOOK_NUMBER = cast(deliveries.c.target_id, Text)
_LIST: Select[Any] = (
    select(
        deliveries.c.id,
        deliveries.c.type,
        deliveries.c.target_kind,
        case(
            (deliveries.c.target_kind == "hook", literal("hook_").concat(_HOOK_NUMBER)),
            else_=targets.c.name,
        ).label("target"),
        deliveries.c.url,
        deliveries.c.state,
        deliveries.c.reason,
        deliveries.c.attempts,
        deliveries.c.last_status,
        deliveries.c.event_id,
        deliveries.c.run_id,
        func.coalesce(deliveries.c.item_id, runs.c.item_id).label("item_id"),
        deliveries.c.message_id,
        deliveries.c.created_at,
        deliveries.c.ended_at,
        deliveries.c.next_at,
    )
    .select_from(deliveries)
    .outerjoin(
        targets,
        (targets.c.id == deliveries.c.target_id)
        & (targets.c.org_id == deliveries.c.org_id)
        & (deliveries.c.target_kind == "target"),
    )
    .outerjoin(runs, (runs.c.id == deliveries.c.run_id) & (runs.c.org_id == deliveries.c.org_id))
)


def _read(row: Any) -> DeliveryRow:
    return DeliveryRow(**row._mapping)


def _try(row: Any) -> DeliveryTry:
    return DeliveryTry(
        attempt=row.attempt,
        at=row.at,
        took_ms=row.took_ms,
        status=row.status,
        response_headers=row.response_headers or {},
        response_body=row.response_body,
        error=row.error,
    )
