"""The organization at a glance: the last day in figures, and what waits for a person."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Subquery,
    Table,
    func,
    literal_column,
    select,
    text,
)

from relay.storage.tables.events import PAID, event_outcomes, events
from relay.storage.tables.runs import bookings, runs
from relay.storage.tables.work import dead

HOURS = 24
# So many of the newest rows are counted at most: the page must not grow with the house.
COUNTED = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """How many there were in each of the last 24 hours, the oldest first. `more` says that there
    were more than are counted."""

    hours: Sequence[int]
    more: bool = False

    @property
    def total(self) -> int:
        return sum(self.hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The last day. `open` counts runs by state, whenever they began."""

    received: Day
    runs: Mapping[str, Day]
    open: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What several things failed of."""

    name: str
    reason: str
    number: int
    last_id: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the first five minutes are."""

    first_event: int | None
    first_booking: int | None
    has_payment: bool


def figures(conn: Connection, org: int, now: datetime) -> Figures:
    """The last day of an organization."""
    since = now - timedelta(hours=HOURS)
    newest = _newest(events, events.c.received_at, org)
    received = conn.execute(_by_hour(conn, newest, newest.c.at, since)).all()
    ran = _newest(runs, runs.c.created_at, org, runs.c.state)
    states = conn.execute(_by_hour(conn, ran, ran.c.at, since, ran.c.state)).all()
    waiting = select(runs.c.state, func.count().label("number")).where(
        runs.c.org_id == org, runs.c.state.in_(["waiting", "running", "held"])
    )
    return Figures(
        received=_day(received, now),
        runs={
            state: _day([row for row in states if row.state == state], now)
            for state in {row.state for row in states}
        },
        open={row.state: row.number for row in conn.execute(waiting.group_by(runs.c.state))},
    )


def failures(conn: Connection, org: int, now: datetime) -> list[Cause]:
    """What failed in the last day, by rule and reason, most first."""
    newest = _newest(runs, runs.c.created_at, org, runs.c.state, runs.c.rule_id, runs.c.reason)
    query = (
        select(
            newest.c.rule_id.label("name"),
            newest.c.reason,
            func.count().label("number"),
            func.max(newest.c.id).label("last_id"),
            func.max(newest.c.at).label("last_at"),
        )
        .where(newest.c.state == "failed", newest.c.at >= now - timedelta(hours=HOURS))
        .group_by(newest.c.rule_id, newest.c.reason)
        .order_by(func.count().desc())
        .limit(10)
    )
    return [_cause(row) for row in conn.execute(query)]


def dead_letters(conn: Connection, org: int) -> list[Cause]:
    """What gave up, by place and reason, most first."""
    query = (
        select(
            dead.c.place.label("name"),
            dead.c.reason,
            func.count().label("number"),
            func.max(dead.c.id).label("last_id"),
            func.max(dead.c.at).label("last_at"),
        )
        .where(dead.c.org_id == org)
        .group_by(dead.c.place, dead.c.reason)
        .order_by(func.count().desc())
        .limit(50)
    )
    return [_cause(row) for row in conn.execute(query)]


def progress(conn: Connection, org: int) -> Progress:
    """Which of the first steps have been taken."""
    came = (
        select(events.c.id)
        .where(events.c.org_id == org, events.c.kind == "delivery", events.c.state == "accepted")
        .order_by(events.c.id)
        .limit(1)
    )
    sold = select(func.min(bookings.c.run_id)).where(
        bookings.c.org_id == org, bookings.c.state == "booked"
    )
    paid = select(event_outcomes.c.event_id).where(
        event_outcomes.c.org_id == org,
        event_outcomes.c.state == "routed",
        text(PAID),  # as the index of these says it
    )
    return Progress(
        first_event=conn.execute(came).scalar_one_or_none(),
        first_booking=conn.execute(sold).scalar_one_or_none(),
        has_payment=conn.execute(paid.limit(1)).first() is not None,
    )


def _newest(table: Table, at: Column[Any], org: int, *also: Column[Any]) -> Subquery:
    return (
        select(table.c.id, at.label("at"), *also)
        .where(table.c.org_id == org)
        .order_by(table.c.id.desc())
        .limit(COUNTED)
        .subquery("newest")
    )


def _by_hour(
    conn: Connection, newest: Subquery, at: ColumnElement[Any], since: datetime, *also: Any
) -> Any:
    hour: ColumnElement[int] = literal_column(
        "at / 3600000000"
        if conn.dialect.name == "sqlite"
        else "cast(floor(extract(epoch from at) / 3600) as bigint)"
    )
    named = hour.label("hour")
    query = select(named, func.count().label("number"), *also).select_from(newest)
    return query.where(at >= since).group_by(named, *also)


def _day(rows: Sequence[Any], now: datetime) -> Day:
    this = int(now.timestamp()) // 3600
    counts = Counter[int]()
    for row in rows:
        counts[int(row.hour)] += row.number
    hours = [counts[hour] for hour in range(this - HOURS + 1, this + 1)]
    return Day(hours=hours, more=sum(hours) >= COUNTED)


def _cause(row: Any) -> Cause:
    return Cause(
        name=row.name,
        reason=row.reason or "no reason was given",
        number=row.number,
        last_id=row.last_id,
        last_at=row.last_at,
    )
