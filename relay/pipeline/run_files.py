"""Runs in a file: those that are chosen, or all that fit a filter, read while the file is sent."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from sqlalchemy import Connection

from relay.core.ids import public
from relay.pipeline.plain import time
from relay.storage import rows
from relay.storage.database import Database
from relay.storage.reads import runs as stored
from relay.storage.reads.page import Cut
from relay.storage.reads.runs import Filter, RunRow

_COLUMNS = (
    "id", "state", "created_at", "ended_at", "rule", "about", "event", "done", "steps", "tries",
    "reason",
)  # fmt: skip
_PAGE = 500

Seen = Callable[[Connection, Sequence[RunRow]], Sequence[RunRow]]


def fitting(
    db: Database, org: int, wanted: Filter, format: str, seen: Seen = lambda _, found: found
) -> Iterator[str]:
    """All that fit, newest first. `seen`: which of them the reader may see."""
    return _written(_pages(db, org, wanted, seen), format)


def named(
    db: Database, org: int, ids: Sequence[int], format: str, seen: Seen = lambda _, found: found
) -> Iterator[str]:
    """These, newest first; what is not there is left out."""
    with db.read() as conn:
        return _written(seen(conn, stored.some(conn, org, ids)), format)


def _written(found: Iterable[RunRow], format: str) -> Iterator[str]:
    return rows.write((_told(one) for one in found), format, _COLUMNS)


def _pages(db: Database, org: int, wanted: Filter, seen: Seen) -> Iterator[RunRow]:
    cut: Cut | None = Cut(size=_PAGE)
    while cut is not None:
        with db.read() as conn:
            page = stored.page(conn, org, wanted, cut)
            shown = seen(conn, page.rows)
        yield from shown
        cut = None if page.older is None else Cut(before=page.older, size=_PAGE)


def _told(row: RunRow) -> dict[str, object]:
    return {
        "id": public("run", row.id),
        "state": row.state,
        "created_at": time(row.created_at),
        "ended_at": time(row.ended_at),
        "rule": row.rule_id,
        "about": row.about,
        "event": public("evt", row.event_id),
        "done": row.done,
        "steps": row.steps,
        "tries": row.tries,
        "reason": row.reason,
    }
