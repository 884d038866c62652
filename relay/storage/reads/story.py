"""What an event's story needs beside the event itself: its proof, its source, what it led to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, union_all

from relay.storage.tables.crm import items
from relay.storage.tables.events import event_outcomes, events, facts
from relay.storage.tables.setup import connections, sources
from relay.storage.tables.watch import item_shadows

# What an event leads to is stored soon after it; beyond this many rows nobody looks for it.
_SOON = 20_000
_MOST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """How an event was told from others; `source_type` is None for the CRM's own."""

    key: str | None
    source_type: str | None
    occurred_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """An event that another one led to."""

    id: int
    kind: str
    state: str
    type: str | None
    about: str | None
    item_id: str | None
    reason: str | None


def proof(conn: Connection, org: int, id: int) -> Proof:
    """Of an event that is there."""
    row = conn.execute(
        select(events.c.dkey, sources.c.type, facts.c.occurred_at)
        .select_from(events)
        .outerjoin(sources, (sources.c.id == events.c.source_id) & (sources.c.org_id == org))
        .outerjoin(facts, facts.c.event_id == events.c.id)
        .where(events.c.org_id == org, events.c.id == id)
    ).one()
    return Proof(key=row.dkey, source_type=row.type, occurred_at=row.occurred_at)


def children(conn: Connection, org: int, id: int) -> list[Child]:
    """What the event was taken apart into, which changes its runs made, and its duplicates."""
    query = (
        select(
            events.c.id,
            events.c.kind,
            events.c.state,
            events.c.reason,
            event_outcomes.c.state.label("outcome"),
            event_outcomes.c.reason.label("outcome_reason"),
            event_outcomes.c.type,
            event_outcomes.c.about,
            event_outcomes.c.item_id,
        )
        .select_from(events)
        .outerjoin(event_outcomes, event_outcomes.c.event_id == events.c.id)
        .where(
            events.c.org_id == org,
            events.c.id > id,
            events.c.id <= id + _SOON,
            events.c.parent_id == id,
        )
        .order_by(events.c.id)
        .limit(_MOST)
    )
    return [_child(row) for row in conn.execute(query)]


def _child(row: Any) -> Child:
    return Child(
        id=row.id,
        kind=row.kind,
        state=row.outcome or row.state,
        type=row.type,
        about=row.about,
        item_id=row.item_id,
        reason=row.outcome_reason or row.reason,
    )


def lists_of(conn: Connection, org: int, item_ids: Collection[str]) -> dict[str, str]:
    """On which list each item is, of Relay's own CRM or of one elsewhere as it was seen last."""
    if not item_ids:
        return {}
    ids = sorted(item_ids)
    own = select(items.c.id, items.c.list_id).where(items.c.org_id == org, items.c.id.in_(ids))
    seen = select(item_shadows.c.item_id.label("id"), item_shadows.c.list_id).where(
        item_shadows.c.connection_id.in_(
            select(connections.c.id).where(connections.c.org_id == org)
        ),
        item_shadows.c.item_id.in_(ids),
    )
    return {row.id: row.list_id for row in conn.execute(union_all(seen, own))}


def connection_names(conn: Connection, org: int) -> Mapping[int, str]:
    """What the organization's connections are called."""
    query = select(connections.c.id, connections.c.name).where(connections.c.org_id == org)
    return {row.id: row.name for row in conn.execute(query)}
