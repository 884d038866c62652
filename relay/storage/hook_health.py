"""How hooks fare, as rows: read under a lock, and written back by whoever recorded their tries."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, case, literal, null, or_, select, update

from relay.core.health import SHORTEST_OPEN, WINDOW, Health
from relay.storage.sets import among_numbers
from relay.storage.tables.hooks import hook_health, hooks

_TOLD_EVERY = timedelta(hours=1)
SHORTEST = timedelta(seconds=SHORTEST_OPEN)
_BURST = timedelta(seconds=1)
_h = hook_health.c
_COLUMNS = [column for column in _h if column.name in {
    "last_success_at", "failures", "first_failure_at", "last_failure_at", "warned", "window_at",
    "window_tries", "window_failures", "open_until", "probe_until", "open_seconds",
}]  # fmt: skip
_HEALTH = select(_h.hook_id, hooks.c.created_at, *_COLUMNS).join_from(
    hook_health, hooks, hooks.c.id == _h.hook_id
)


def healths(conn: Connection, ids: Collection[int], *, lock: bool = False) -> dict[int, Health]:
    """By hook; those that are gone are missing. With `lock` until the transaction ends."""
    if not ids:
        return {}
    query = _HEALTH.where(_h.hook_id.in_(sorted(ids))).order_by(_h.hook_id)
    if lock:
        query = query.with_for_update(of=hook_health)
    return {row.hook_id: _read(row) for row in conn.execute(query)}


def all_healths(conn: Connection, org: int) -> dict[int, Health]:
    """Those of an organization's hooks."""
    rows = conn.execute(_HEALTH.where(_h.org_id == org))
    return {row.hook_id: _read(row) for row in rows}


def save(conn: Connection, id: int, health: Health) -> None:
    """Writes one back."""
    values = asdict(health)
    del values["since"]
    conn.execute(update(hook_health).where(_h.hook_id == id).values(**values))


def succeeded(conn: Connection, counts: Sequence[tuple[int, int]], now: datetime) -> None:
    """So many successes of each hook and no failure: written without reading first."""
    if not counts:
        return
    stale = or_(_h.window_at.is_(None), _h.window_at < now - WINDOW)
    count = bindparam("b_count", type_=_h.window_tries.type)
    written = (
        update(hook_health)
        .where(_h.hook_id == bindparam("b_id"))
        .values(
            last_success_at=now,
            failures=0,
            first_failure_at=null(),
            last_failure_at=null(),
            warned=0,
            window_at=case((stale, literal(now, _h.window_at.type)), else_=_h.window_at),
            window_tries=case((stale, count), else_=_h.window_tries + count),
            window_failures=case((stale, 0), else_=_h.window_failures),
            open_until=null(),
            probe_until=null(),
            open_seconds=0.0,
        )
    )
    conn.execute(written, [{"b_id": id, "b_count": count} for id, count in sorted(counts)])


def exhausted(conn: Connection, id: int, count: int, now: datetime) -> int | None:
    """Counts messages whose tries are used up; how many there were, once an hour, else None."""
    row = conn.execute(
        update(hook_health)
        .where(_h.hook_id == id)
        .values(exhausted_count=_h.exhausted_count + count)
        .returning(_h.exhausted_count, _h.exhausted_told_at)
    ).first()
    if row is None:
        return None
    if row.exhausted_told_at is not None and now - row.exhausted_told_at < _TOLD_EVERY:
        return None
    told = update(hook_health).where(_h.hook_id == id)
    conn.execute(told.values(exhausted_count=0, exhausted_told_at=now))
    return int(row.exhausted_count)


def _read(row: Any) -> Health:
    values = {column.name: getattr(row, column.name) for column in _COLUMNS}
    return Health(since=row.last_success_at or row.created_at, **values)


def opened(conn: Connection, ids: Collection[int]) -> set[int]:
    """Those of the hooks whose breaker is open, or was and has not been closed by a success."""
    return set(conn.execute(_OPENED, {"ids": sorted(ids)}).scalars())


_OPENED = select(_h.hook_id).where(among_numbers(_h.hook_id, "ids"), _h.open_seconds > 0)


def probe(conn: Connection, id: int, now: datetime) -> datetime | None:
    """Until when nothing may leave; None for the one who may send a single try to see. Nobody
    else may until its outcome is known, or it has had as long as the breaker was open."""
    row = conn.execute(
        select(_h.open_until, _h.probe_until, _h.open_seconds)
        .where(_h.hook_id == id)
        .with_for_update()
    ).first()
    if row is None or not row.open_seconds:
        return None
    for until in (row.open_until, row.probe_until):
        if until is not None and until > now:
            found: datetime = until
            return found
    turn = now + timedelta(seconds=row.open_seconds)
    conn.execute(update(hook_health).where(_h.hook_id == id).values(probe_until=turn))
    return None


def spend(conn: Connection, id: int, rate: float, wanted: int, now: datetime) -> int:
    """How many of those wanted may leave now, when a hook takes `rate` a second; they are spent.
    What was not used of the last second may be caught up with."""
    row = conn.execute(select(_h.spent_until).where(_h.hook_id == id).with_for_update()).first()
    if row is None:
        return wanted
    burst = max(_BURST, timedelta(seconds=1 / rate))
    start = max(row.spent_until or now - burst, now - burst)
    free = min(wanted, int((now - start).total_seconds() * rate + 1e-6))
    if free > 0:
        spent = start + timedelta(seconds=free / rate)
        conn.execute(update(hook_health).where(_h.hook_id == id).values(spent_until=spent))
    return free
