"""Before deliveries leave: how many each hook takes at once, its breaker, and how many a second it
takes. All only move when a delivery is due; nothing is dropped and no try is counted."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from relay.core.hook import Hook
from relay.pipeline.trip import Trip
from relay.runtime import Runtime
from relay.storage import hook_health, hook_places
from relay.storage.sends import Sending


def crowded(runtime: Runtime, trips: Sequence[Trip]) -> tuple[set[int], Mapping[int, int]]:
    """The deliveries whose hook has as many in flight, over all workers, as it takes; and how many
    more the hooks take. A hook without a limit of its own is not counted."""
    by_hook: dict[int, list[Sending]] = {}
    for trip in trips:
        if trip.counts:
            by_hook.setdefault(trip.row.target_id, []).append(trip.lease)
    if not by_hook:
        return set(), {}
    with runtime.db.write() as conn:
        entered = hook_places.enter(runtime.db, conn, by_hook)
    return {lease.id for its in by_hook.values() for lease in its} - entered.ids, entered.free


def free(runtime: Runtime, trips: Sequence[Trip]) -> Mapping[int, int]:
    """How many more the hooks of these deliveries take, those that have a limit."""
    ids = {trip.row.target_id for trip in trips if trip.counts}
    if not ids:
        return {}
    with runtime.db.read() as conn:
        return hook_places.free(runtime.db, conn, ids)


def waits(runtime: Runtime, trips: Sequence[Trip], now: datetime) -> dict[int, timedelta]:
    """The deliveries that have to wait, and how long."""
    mine = [trip for trip in trips if trip.hook is not None and trip.kept_back is None]
    if not mine:
        return {}
    held: dict[int, timedelta] = {}
    hooks = {trip.hook.id: trip.hook for trip in mine if trip.hook is not None}
    # One that did well a moment ago has no breaker that is open.
    asked = [id for id in hooks if not runtime.successes.are_fresh(id, now)]
    open_: set[int] = set()
    if asked:
        with runtime.db.read() as conn:
            open_ = hook_health.opened(conn, asked)
    limited = [id for id, hook in hooks.items() if hook.max_per_second is not None]
    if not open_ and not limited:
        return held
    with runtime.db.write() as conn:
        for id in sorted(hooks):
            its = [t for t in mine if t.hook is not None and t.hook.id == id]
            if id in open_:
                held |= _breaker(conn, id, its, now)
            its = [t for t in its if t.lease.id not in held]
            if its and id in limited:
                held |= _rate(conn, hooks[id], its, now)
    return held


def _breaker(
    conn: Connection, id: int, trips: Sequence[Trip], now: datetime
) -> dict[int, timedelta]:
    """While it is open nobody leaves; then one does, to see."""
    by_hand = {trip.lease.id for trip in trips if trip.lease.is_manual}
    scheduled = [trip for trip in trips if trip.lease.id not in by_hand]
    if not scheduled:
        return {}
    until = hook_health.probe(conn, id, now)
    probing = until is None
    wait = hook_health.SHORTEST if until is None else until - now
    return {trip.lease.id: wait for trip in (scheduled[1:] if probing else scheduled)}


def _rate(
    conn: Connection, hook: Hook, trips: Sequence[Trip], now: datetime
) -> dict[int, timedelta]:
    rate = hook.max_per_second or 0.0
    free = hook_health.spend(conn, hook.id, rate, len(trips), now)
    return {
        trip.lease.id: timedelta(seconds=(number + 1) / rate)
        for number, trip in enumerate(trips[free:])
    }
