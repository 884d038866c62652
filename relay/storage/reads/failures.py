"""Runs that have failed and that nobody has looked after yet, grouped by rule and cause."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, literal_column, select, update

from relay.core.causes import cause
from relay.core.errors import NotFound
from relay.storage.tables.runs import runs, steps

COUNTED = 20_000  # of the newest; the page must not grow with the house
LATELY = timedelta(hours=24)
PARTS = 12  # of that day, in which they are counted each
_ON_FAILURE = 1000  # steps from here on are those of `on_failure`
_MOST = 1000  # messages that are told apart
# In so many words: with a value that is bound the partial index would not be seen to fit.
_FAILED: ColumnElement[str] = literal_column("'failed'")
BADGE = 100  # so many at most are counted for the number beside the menu


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Several runs that failed of the same. `said` are the messages as they were told, `lately` how
    many of the runs are of the last day, `trend` how many of each part of it, the oldest first."""

    cause: str
    rule: str
    connector: str
    reason: str
    number: int
    lately: int
    trend: Sequence[int]
    first_at: datetime
    last_at: datetime
    last_run: int
    said: Sequence[str | None]


def failures(conn: Connection, org: int, now: datetime) -> list[Failure]:
    """By rule and cause, most first."""
    open_ = _open(org).order_by(runs.c.id.desc()).limit(COUNTED).subquery("failed")
    since = [func.sum(case((open_.c.created_at >= at, 1), else_=0)) for at in _parts(now)]
    query = (
        select(
            open_.c.rule_id,
            open_.c.reason,
            func.count().label("number"),
            *(count.label(f"since_{n}") for n, count in enumerate(since)),
            func.min(open_.c.created_at).label("first_at"),
            func.max(open_.c.created_at).label("last_at"),
            func.max(open_.c.id).label("last_run"),
        )
        .group_by(open_.c.rule_id, open_.c.reason)
        .order_by(func.count().desc())
        .limit(_MOST)
    )
    rows = conn.execute(query).all()
    called = _connectors(conn, [row.last_run for row in rows])
    found: dict[str, Failure] = {}
    for row in rows:
        one = _failure(row, called.get(row.last_run, ""))
        found[one.cause] = _joined(found[one.cause], one) if one.cause in found else one
    return sorted(found.values(), key=lambda one: (-one.number, -one.last_run))


def _parts(now: datetime) -> list[datetime]:
    """When each part of the last day began."""
    return [now - LATELY + LATELY / PARTS * n for n in range(PARTS)]


def failure(conn: Connection, org: int, cause: str, now: datetime) -> Failure:
    """Raises NotFound where none is of that cause any more."""
    found = next((one for one in failures(conn, org, now) if one.cause == cause), None)
    if found is None:
        raise NotFound("no failed run of that cause waits for anybody")
    return found


def runs_of(conn: Connection, org: int, one: Failure, limit: int) -> list[int]:
    """The oldest runs of a failure: what came first is done again first."""
    query = _of(one, _open(org)).order_by(runs.c.id).limit(limit)
    return list(conn.execute(query.with_only_columns(runs.c.id)).scalars())


def settle(conn: Connection, org: int, one: Failure, how: str) -> int:
    """Nobody needs to look after these runs any more; how many they are."""
    ids = _of(one, _open(org)).with_only_columns(runs.c.id)
    return conn.execute(update(runs).where(runs.c.id.in_(ids)).values(settled=how)).rowcount


def counted(org: int) -> Any:
    """How many there are, up to a hundred: a column for another statement."""
    open_ = _open(org).with_only_columns(runs.c.id).limit(BADGE).subquery("open")
    return select(func.count()).select_from(open_).scalar_subquery()


def _open(org: int) -> Select[Any]:
    failed = (runs.c.org_id == org, runs.c.state == _FAILED, runs.c.settled.is_(None))
    return select(runs.c.id, runs.c.rule_id, runs.c.reason, runs.c.created_at).where(*failed)


def _of(one: Failure, query: Select[Any]) -> Select[Any]:
    said = [text for text in one.said if text is not None]
    named = runs.c.reason.in_(said)
    return query.where(
        runs.c.rule_id == one.rule,
        named if None not in one.said else named | runs.c.reason.is_(None),
    )


def _failure(row: Any, connector: str) -> Failure:
    reason = row.reason or "no reason was given"
    since = [*(int(getattr(row, f"since_{n}")) for n in range(PARTS)), 0]
    return Failure(
        cause=cause(row.rule_id, reason),
        rule=row.rule_id,
        connector=connector,
        reason=reason,
        number=row.number,
        lately=since[0],
        trend=[count - later for count, later in pairwise(since)],
        first_at=row.first_at,
        last_at=row.last_at,
        last_run=row.last_run,
        said=(row.reason,),
    )


def _joined(one: Failure, other: Failure) -> Failure:
    """Two messages of one cause; that of the newest run is shown."""
    newest = max(one, other, key=lambda each: each.last_run)
    return replace(
        newest,
        number=one.number + other.number,
        lately=one.lately + other.lately,
        trend=[a + b for a, b in zip(one.trend, other.trend, strict=True)],
        first_at=min(one.first_at, other.first_at),
        last_at=max(one.last_at, other.last_at),
        said=(*one.said, *other.said),
    )


def _connectors(conn: Connection, ids: Sequence[int]) -> dict[int, str]:
    """Whose verb each of the runs failed at."""
    failed = (steps.c.run_id.in_(ids), steps.c.state == "failed", steps.c.n < _ON_FAILURE)
    query = select(steps.c.run_id, steps.c.use).where(*failed).order_by(steps.c.n)
    return {row.run_id: row.use.partition(".")[0] for row in conn.execute(query)}
