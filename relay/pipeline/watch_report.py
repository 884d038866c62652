"""How the watch on a CRM elsewhere stands, for people and programs."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from relay.crm.moments import instant
from relay.pipeline import pace
from relay.pipeline.calling import definitions_of
from relay.pipeline.plain import time
from relay.storage import watch as stored
from relay.storage.connections import ConnectionRow

Document = dict[str, Any]


def report(conn: Connection, row: ConnectionRow, now: datetime) -> Document | None:
    """None for a connection that is not watched. `lag_seconds` is how old a change may be that has
    not been seen; a list without `baseline` is still being read for the first time."""
    state = stored.watch_of(conn, row.id)
    if state is None:
        return None
    all_, watch = state.spent(now.astimezone(UTC).date())
    looked = state.looked_at
    return {
        "looked_at": time(looked),
        "lag_seconds": None if looked is None else max(0, int((now - looked).total_seconds())),
        "failures": state.failures,
        "problem": state.problem,
        "requests_today": all_,
        "watch_requests_today": watch,
        "daily_quota": pace.quota(row),
        "watch_quota": pace.quota(row) * pace.share(row) // 100,
        "poll_seconds": int(pace.poll_seconds(row)),
        "lists": _lists(conn, row),
    }


def _lists(conn: Connection, row: ConnectionRow) -> list[Document]:
    definitions = definitions_of(conn, row.id)
    cursors, items = stored.cursors_of(conn, row.id), stored.counted(conn, row.id)
    return [
        {
            "id": one.id,
            "title": one.title,
            "items": items.get(one.id, 0),
            "cursor": time(instant(cursor.cursor_ms)) if cursor else None,
            "baseline": cursor is not None and cursor.since_ms is not None,
            "full_pass_at": time(cursor.passed_at) if cursor else None,
        }
        for one in (definitions.lists if definitions else ())
        for cursor in [cursors.get(one.id)]
    ]
