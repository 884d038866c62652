"""Stays and schedules as rows: begun and ended by what happens, come due by the clock."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage.tables.deadlines import schedules, stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A value that an item's field holds without a break since `since`, as one rule waits for it.
    `event` is the transition that began it; `due_at` None: it has fired."""

    org: int
    rule: str
    item: str
    field: str
    list: str
    value: object
    event: int
    since: datetime
    due_at: datetime | None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.rule, self.item, self.field


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A `scheduled` trigger of one rule. `progress` says how far its list has been gone through."""

    org: int
    rule: str
    spec: str
    next_at: datetime | None
    progress: Mapping[str, Any] | None


def any_due(conn: Connection, now: datetime) -> bool:
    """Whether the clock has anything to fire: two look-ups in indexes."""
    each = (select(stays.c.org_id).where(stays.c.due_at <= now), _due_schedules(now))
    return any(conn.execute(query.limit(1)).first() is not None for query in each)


# --- stays ---------------------------------------------------------------------------------------


def stays_of(conn: Connection, org: int, items: Collection[str]) -> list[Stay]:
    """All stays of these items."""
    query = select(stays).where(stays.c.org_id == org, stays.c.item_id.in_(sorted(items)))
    return [_stay(row) for row in conn.execute(query)]


def waiting_stays(conn: Connection, org: int) -> list[Stay]:
    """Those that have not fired."""
    query = select(stays).where(stays.c.org_id == org, stays.c.due_at.is_not(None))
    return [_stay(row) for row in conn.execute(query)]


def due_stays(conn: Connection, now: datetime, limit: int) -> list[Stay]:
    """Those that have come due, longest ago first, locked: another sweep passes them over."""
    query = select(stays).where(stays.c.due_at <= now).order_by(stays.c.due_at).limit(limit)
    return [_stay(row) for row in conn.execute(query.with_for_update(skip_locked=True))]


def begin_stays(conn: Connection, begun: Sequence[Stay]) -> None:
    """Writes new stays; one that is there already goes on as it was."""
    if not begun:
        return
    upsert = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
    rows = [
        {
            "org_id": one.org, "rule_id": one.rule, "item_id": one.item, "field": one.field,
            "list": one.list, "value": one.value, "event_id": one.event, "since": one.since,
            "due_at": one.due_at,
        }
        for one in begun
    ]  # fmt: skip
    conn.execute(upsert(stays).on_conflict_do_nothing(), rows)


def end_stays(conn: Connection, ended: Iterable[Stay]) -> None:
    for one in ended:
        conn.execute(delete(stays).where(_this(one)))


def move_stay(conn: Connection, stay: Stay, due_at: datetime | None) -> None:
    """When it comes due now; None: it has fired."""
    conn.execute(update(stays).where(_this(stay)).values(due_at=due_at))


def _this(stay: Stay) -> ColumnElement[bool]:
    return and_(
        stays.c.org_id == stay.org,
        stays.c.rule_id == stay.rule,
        stays.c.item_id == stay.item,
        stays.c.field == stay.field,
    )


def _stay(row: Any) -> Stay:
    return Stay(
        org=row.org_id,
        rule=row.rule_id,
        item=row.item_id,
        field=row.field,
        list=row.list,
        value=row.value,
        event=row.event_id,
        since=row.since,
        due_at=row.due_at,
    )


# --- schedules -----------------------------------------------------------------------------------


def schedules_of(conn: Connection, org: int) -> list[Schedule]:
    rows = conn.execute(select(schedules).where(schedules.c.org_id == org))
    return [_schedule(row) for row in rows]


def under_way(conn: Connection, org: int, crm: int) -> list[Schedule]:
    """Those whose list, in a CRM elsewhere, is being gone through."""
    return [one for one in schedules_of(conn, org) if is_under_way(one, crm)]


def is_under_way(one: Schedule, crm: int) -> bool:
    return one.progress is not None and one.progress.get("crm") == crm


def schedule_now(conn: Connection, one: Schedule) -> Schedule | None:
    """The same as it is by now; None where it is no more."""
    row = conn.execute(select(schedules).where(_that(one))).first()
    return None if row is None else _schedule(row)


def keep_progress(conn: Connection, one: Schedule, progress: Mapping[str, Any] | None) -> None:
    """How far a list was gone through; None: to its end."""
    values = {"progress": None if progress is None else dict(progress)}
    conn.execute(update(schedules).where(_that(one)).values(**values))


def next_schedule(conn: Connection, now: datetime) -> Schedule | None:
    """The one that has waited longest, locked: another sweep passes it over."""
    query = _due_schedules(now).order_by(schedules.c.next_at).limit(1)
    row = conn.execute(query.with_for_update(skip_locked=True)).first()
    return None if row is None else _schedule(row)


def add_schedule(conn: Connection, new: Schedule) -> None:
    conn.execute(
        insert(schedules).values(
            org_id=new.org, rule_id=new.rule, spec=new.spec, next_at=new.next_at
        )
    )


def drop_schedule(conn: Connection, one: Schedule) -> None:
    conn.execute(delete(schedules).where(_that(one)))


def move_schedule(
    conn: Connection,
    one: Schedule,
    next_at: datetime | None,
    progress: Mapping[str, Any] | None = None,
) -> None:
    """When it comes due next; with `progress`, what is left of the time that is being done."""
    conn.execute(
        update(schedules)
        .where(_that(one))
        .values(next_at=next_at, progress=None if progress is None else dict(progress))
    )


def _due_schedules(now: datetime) -> Any:
    return select(schedules).where(schedules.c.next_at <= now)


def _that(one: Schedule) -> ColumnElement[bool]:
    return and_(
        schedules.c.org_id == one.org,
        schedules.c.rule_id == one.rule,
        schedules.c.spec == one.spec,
    )


def _schedule(row: Any) -> Schedule:
    return Schedule(
        org=row.org_id,
        rule=row.rule_id,
        spec=row.spec,
        next_at=row.next_at,
        progress=row.progress,
    )
