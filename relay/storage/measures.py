"""Counts of all processes, added up; and what stands in the tables that is worth a number."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, and_, case, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.core.measures import Key
from relay.storage.tables.hooks import hook_health
from relay.storage.tables.measures import measures
from relay.storage.tables.work import dead, work


def add(conn: Connection, found: Mapping[Key, float]) -> None:
    """In one order everywhere: two processes must not wait for each other for ever."""
    if not found:
        return
    rows = [
        {"name": name, "labels": orjson.dumps(labels).decode(), "value": value}
        for (name, labels), value in sorted(found.items())
    ]
    upsert = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
    added = upsert(measures)
    conn.execute(
        added.on_conflict_do_update(
            index_elements=["name", "labels"],
            set_={"value": measures.c.value + added.excluded.value},
        ),
        rows,
    )


def total(conn: Connection) -> dict[Key, float]:
    """Everything that was ever counted."""
    return {
        (row.name, tuple((name, value) for name, value in orjson.loads(row.labels))): row.value
        for row in conn.execute(select(measures))
    }


def queues(conn: Connection, now: Any) -> list[Any]:
    """For each kind of work and lane: how much is due, in hand and for later, and since when the
    oldest is due."""
    is_held = work.c.lease_until > now
    is_due = and_(func.coalesce(work.c.lease_until <= now, True), work.c.due_at <= now)
    return list(
        conn.execute(
            select(
                work.c.kind,
                work.c.lane,
                func.sum(case((is_held, 1), else_=0)).label("held"),
                func.sum(case((is_due, 1), else_=0)).label("due"),
                func.count().label("all"),
                func.min(case((is_due, work.c.due_at))).label("oldest"),
            ).group_by(work.c.kind, work.c.lane)
        )
    )


def breakers(conn: Connection, now: Any) -> dict[str, int]:
    """How many hooks' breakers are closed, open, and waiting to see."""
    is_open = hook_health.c.open_until > now
    was_open = hook_health.c.open_seconds > 0
    state = case((is_open, "open"), (was_open, "half_open"), else_="closed")
    rows = conn.execute(select(state.label("state"), func.count().label("n")).group_by(state))
    return {"closed": 0, "open": 0, "half_open": 0} | {row.state: row.n for row in rows}


def dead_letters(conn: Connection) -> int:
    """What waits for an operator."""
    return int(conn.execute(select(func.count()).select_from(dead)).scalar_one())
