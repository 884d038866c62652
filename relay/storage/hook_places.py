"""Who is on the way to hooks that take only so many messages at once, counted over all workers.

A place is as good as the lease it was taken under: one whose delivery is done, let go of or due
again is free, whoever wrote it, so that nobody gives a place back and a dead worker keeps none.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, text

from relay.storage.database import Database
from relay.storage.sends import Sending
from relay.storage.sets import among_numbers
from relay.storage.statements import LITE_NOW
from relay.storage.tables.hooks import hook_places, hooks
from relay.storage.tables.work import work
from relay.storage.work import Kind

_p = hook_places.c
_THEIRS = among_numbers(_p.hook_id, "hooks")
_CAPS = (
    select(hooks.c.id, hooks.c.max_in_flight)
    .where(among_numbers(hooks.c.id, "hooks"))
    .order_by(hooks.c.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """The ids of the deliveries that may leave, and how many more each hook takes."""

    ids: set[int]
    free: Mapping[int, int]


def enter(db: Database, conn: Connection, leases: Mapping[int, Sequence[Sending]]) -> Entered:
    """Takes places for claimed deliveries, by hook: the first of them as far as there are any."""
    given = {"hooks": sorted(leases)}
    # One after the other: two that count at once would both find the last place free. And what a
    # hook takes is what stands in its row now, not what this process knows of it.
    locked = conn.execute(_CAPS.with_for_update(key_share=True), given)
    caps = {row.id: row.max_in_flight for row in locked}
    conn.execute(delete(hook_places).where(_THEIRS, _is_held(db).is_not(True)), given)
    counted = select(_p.hook_id, func.count()).where(_THEIRS).group_by(_p.hook_id)
    taken = {hook: int(count) for hook, count in conn.execute(counted, given)}
    may: set[int] = set()
    free: dict[int, int] = {}
    rows = []
    for hook, its in leases.items():
        most = caps.get(hook, 0)  # of one that was just deleted nothing leaves
        if most is None:  # a person has just taken the limit away
            may |= {one.id for one in its}
            continue
        left = max(most - taken.get(hook, 0), 0)
        entering = its[:left]
        may |= {one.id for one in entering}
        free[hook] = left - len(entering)
        rows += [{"hook_id": hook, "delivery_id": o.id, "token": o.token} for o in entering]
    if rows:
        conn.execute(insert(hook_places), rows)
    return Entered(ids=may, free=free)


def free(db: Database, conn: Connection, ids: Collection[int]) -> dict[int, int]:
    """How many more each of these hooks takes now; one without a limit is missing."""
    given = {"hooks": sorted(ids)}
    held = select(_p.hook_id, func.count()).where(_THEIRS, _is_held(db).is_(True))
    taken = {id: int(count) for id, count in conn.execute(held.group_by(_p.hook_id), given)}
    return {
        row.id: max(row.max_in_flight - taken.get(row.id, 0), 0)
        for row in conn.execute(_CAPS, given)
        if row.max_in_flight is not None
    }


def _is_held(db: Database) -> ColumnElement[bool]:
    # A value looked up for each place by the key of `work`: as a join it might read all of it.
    now = text(LITE_NOW if db.dialect == "sqlite" else "now()")
    lease = select(work.c.lease_until > now).where(
        work.c.kind == int(Kind.DELIVERY), work.c.id == _p.delivery_id, work.c.token == _p.token
    )
    return lease.scalar_subquery()
