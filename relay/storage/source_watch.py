"""Which sources are to be looked at, what came lately, and what was told of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage.tables.events import events, refusals, source_watch
from relay.storage.tables.setup import sources

_AT_ONCE = 50
_w = source_watch.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A source with what it refused in its newest hour, and what was told before."""

    id: int
    org: int
    type: str
    name: str
    hour: datetime | None
    refused: int
    refusals_told_at: datetime | None
    silent_after: int | None
    longest: float


_WATCHED = (
    select(
        sources.c.id, sources.c.org_id, sources.c.type, sources.c.name,
        refusals.c.hour, refusals.c.seen,
        _w.refusals_told_at, _w.silent_after, _w.longest,
    )
    .select_from(sources)
    .outerjoin(source_watch, _w.source_id == sources.c.id)
    .outerjoin(refusals, refusals.c.source_id == sources.c.id)
    .where(sources.c.state == "active")
    .order_by(sources.c.id)
)  # fmt: skip


def due(conn: Connection, before: datetime) -> list[Watched]:
    """Those nobody has looked at since then."""
    query = _WATCHED.where(or_(_w.looked_at.is_(None), _w.looked_at < before)).limit(_AT_ONCE)
    return [_read(row) for row in conn.execute(query)]


def once_silent(conn: Connection, org: int) -> list[Watched]:
    """An organization's own of which a silence was told; it may have ended."""
    query = _WATCHED.where(sources.c.org_id == org, _w.silent_after.is_not(None))
    return [_read(row) for row in conn.execute(query)]


def last_events(conn: Connection, source: int, most: int) -> list[tuple[int, datetime]]:
    """The newest that were accepted: number and time, newest first."""
    query = (
        select(events.c.id, events.c.received_at)
        .where(
            events.c.source_id == source,
            events.c.kind == "delivery",
            events.c.state == "accepted",
        )
        .order_by(events.c.id.desc())
        .limit(most)
    )
    return [(row.id, row.received_at) for row in conn.execute(query)]


def looked(conn: Connection, one: Watched, now: datetime, before: datetime) -> bool:
    """Writes down what was told; False where another process was first."""
    upsert = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
    values = {
        "looked_at": now,
        "refusals_told_at": one.refusals_told_at,
        "silent_after": one.silent_after,
        "longest": one.longest,
    }
    row = upsert(source_watch).values(source_id=one.id, **values)
    written = row.on_conflict_do_update(
        index_elements=["source_id"], set_=values, where=_w.looked_at < before
    ).returning(_w.source_id)
    return conn.execute(written).first() is not None


def _read(row: Any) -> Watched:
    return Watched(
        id=row.id,
        org=row.org_id,
        type=row.type,
        name=row.name,
        hour=row.hour,
        refused=row.seen or 0,
        refusals_told_at=row.refusals_told_at,
        silent_after=row.silent_after,
        longest=row.longest or 0.0,
    )
