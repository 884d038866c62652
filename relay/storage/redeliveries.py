"""Orders to send again, and the deliveries they chose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from relay.core.errors import NotFound
from relay.storage.tables.deliveries import deliveries
from relay.storage.tables.hooks import redeliveries

MOST = 10_000  # deliveries of one order
_d = deliveries.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order: which deliveries, by whom, and what became of them by state."""

    id: int
    kind: str
    hook_id: int | None
    wanted: Mapping[str, Any]
    by: str
    state: str
    queued: int
    created_at: datetime
    ended_at: datetime | None
    outcomes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What an order is for; the times are those of the deliveries' making."""

    hook: int | None = None
    states: Sequence[str] = ("failed", "held")
    type: str | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None


def create(
    conn: Connection, org: int, *, kind: str, hook: int | None, wanted: Mapping[str, Any],
    by: str, at: datetime,
) -> int:  # fmt: skip
    row = insert(redeliveries).values(
        org_id=org, kind=kind, hook_id=hook, wanted=dict(wanted), by=by, state="running",
        created_at=at,
    )  # fmt: skip
    return int(conn.execute(row.returning(redeliveries.c.id)).scalar_one())


def choose(conn: Connection, org: int, wanted: Chosen) -> list[tuple[int, int]]:
    """Deliveries to hooks with their hooks, oldest first."""
    query = select(_d.id, _d.target_id).where(
        _d.org_id == org, _d.target_kind == "hook", _d.state.in_(wanted.states)
    )
    if wanted.hook is not None:
        query = query.where(_d.target_id == wanted.hook)
    if wanted.type:
        query = query.where(_d.type == wanted.type)
    if wanted.since is not None:
        query = query.where(_d.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(_d.created_at < wanted.until)
    if wanted.search:
        text = wanted.search
        query = query.where(
            or_(_d.message_id == text, _d.item_id == text, _d.url.contains(text, autoescape=True))
        )
    found = conn.execute(query.order_by(_d.id).limit(MOST))
    return [(row.id, row.target_id) for row in found]


def queue(conn: Connection, org: int, id: int, ids: Sequence[int], by: str) -> None:
    """Gives the order its deliveries; they wait to be sent."""
    mine = update(deliveries).where(_d.org_id == org)
    for first in range(0, len(ids), 1000):
        conn.execute(
            mine.where(_d.id.in_(ids[first : first + 1000])).values(
                state="pending",
                reason=f"sent again by {by}",
                ended_at=None,
                next_at=None,
                redelivery_id=id,
            )
        )


def queued(conn: Connection, org: int, id: int, count: int) -> None:
    """How many deliveries it is for."""
    mine = update(redeliveries).where(redeliveries.c.org_id == org, redeliveries.c.id == id)
    conn.execute(mine.values(queued=count))


def cancel(conn: Connection, org: int, id: int, at: datetime) -> bool:
    """Whether it was still running."""
    mine = update(redeliveries).where(
        redeliveries.c.org_id == org, redeliveries.c.id == id, redeliveries.c.state == "running"
    )
    return conn.execute(mine.values(state="cancelled", ended_at=at)).rowcount > 0


def pending(conn: Connection, org: int, id: int) -> list[int]:
    """Its deliveries that have not been sent."""
    query = select(_d.id).where(
        _d.org_id == org, _d.redelivery_id == id, _d.state == "pending"
    )  # fmt: skip
    return list(conn.execute(query).scalars())


def order(conn: Connection, org: int, id: int) -> Order:
    """Raises NotFound."""
    row = conn.execute(
        select(redeliveries).where(redeliveries.c.org_id == org, redeliveries.c.id == id)
    ).first()
    if row is None:
        raise NotFound(f"there is no order rdl_{id} here")
    counts = conn.execute(
        select(_d.state, func.count().label("number"))
        .where(_d.org_id == org, _d.redelivery_id == id)
        .group_by(_d.state)
    )
    outcomes = {one.state: one.number for one in counts}
    is_over = row.state == "running" and not outcomes.get("pending")
    return Order(
        id=row.id,
        kind=row.kind,
        hook_id=row.hook_id,
        wanted=row.wanted,
        by=row.by,
        state="done" if is_over else row.state,
        queued=row.queued,
        created_at=row.created_at,
        ended_at=row.ended_at,
        outcomes=outcomes,
    )
