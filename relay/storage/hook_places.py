"""Who is on the way to hooks that take only a few messages at once, counted over all workers.

A place is as good as the lease it was taken under: one whose delivery is done, let go of or due
again is free, whoever wrote it, so that nobody gives a place back and a dead worker keeps none.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, exists, func, insert, select, text

from relay.storage.database import Database
from relay.storage.sends import Sending
from relay.storage.statements import LITE_NOW
from relay.storage.tables.hooks import hook_health, hook_places
from relay.storage.tables.work import work
from relay.storage.work import Kind

_p = hook_places.c


def enter(
    db: Database, conn: Connection, hook: int, leases: Sequence[Sending], *, most: int
) -> set[int]:
    """The ids of those claimed deliveries that may leave, the others of all workers counted."""
    # One after the other: two that count at once would both find the last place free.
    conn.execute(
        select(hook_health.c.hook_id).where(hook_health.c.hook_id == hook).with_for_update()
    )
    now = text(LITE_NOW if db.dialect == "sqlite" else "now()")
    is_on_its_way = exists().where(
        work.c.kind == int(Kind.DELIVERY),
        work.c.id == _p.delivery_id,
        work.c.token == _p.token,
        work.c.lease_until > now,
    )
    conn.execute(delete(hook_places).where(_p.hook_id == hook, ~is_on_its_way))
    mine = select(func.count()).select_from(hook_places).where(_p.hook_id == hook)
    free = max(most - int(conn.execute(mine).scalar_one()), 0)
    taken = leases[:free]
    rows = [{"hook_id": hook, "delivery_id": one.id, "token": one.token} for one in taken]
    if rows:
        conn.execute(insert(hook_places), rows)
    return {one.id for one in taken}
