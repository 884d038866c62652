"""Sending again, because a person asks for it: one try each, outside of the schedule, allowed while
a hook is disabled, and no part of how the hook fares. The stored payload is sent, under the same
message id, to the address as it is now."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from relay.core.errors import Conflict, InvalidInput, NotFound, Unreadable
from relay.core.hook import Hook
from relay.core.ids import public
from relay.pipeline import tell
from relay.pipeline.happenings import of_stored
from relay.pipeline.payloads import Happening
from relay.pipeline.reading import parse
from relay.pipeline.subscribe import hook_called
from relay.queue import DELIVER
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import identity, redeliveries, sends, work
from relay.storage.deliveries import target_key
from relay.storage.events import read_events
from relay.storage.redeliveries import Chosen, Order
from relay.storage.tables.deliveries import deliveries
from relay.storage.tables.events import event_outcomes, events
from relay.storage.work import Kind, NewWork

_CHUNK = 500


def resend(runtime: Runtime, org: int, id: int, *, by: str, force: bool = False) -> None:
    """One more try of one delivery, now; one that waits goes on with its schedule after it. Raises
    NotFound; Conflict for one that was delivered, unless `force`, or that goes nowhere any more."""
    name = public("dlv", id)
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        row = conn.execute(
            select(
                deliveries.c.state,
                deliveries.c.next_at,
                deliveries.c.target_kind,
                deliveries.c.target_id,
            )
            .where(deliveries.c.org_id == org, deliveries.c.id == id)
            .with_for_update()
        ).first()
        if row is None:
            raise NotFound(f"there is no delivery {name} here")
        _check(runtime, conn, org, row, name, force=force)
        db = runtime.db
        next_at = _goes_on(conn, id, row, now)
        if not sends.hasten(db, conn, id, lane=sends.BY_HAND):
            target = target_key(row.target_kind, row.target_id)
            again = NewWork(id=id, org=org, target=target, lane=sends.BY_HAND)
            work.add(db, conn, Kind.DELIVERY, [again])
        work.exhume(conn, Kind.DELIVERY, [id])
        mine = update(deliveries).where(deliveries.c.id == id)
        values = {"reason": f"sent again by {by}", "ended_at": None, "next_at": next_at}
        conn.execute(mine.values(state="pending", **values))
        identity.audit(conn, org, by, "delivery sent again", name, at=now)
    runtime.queue.wake(DELIVER, [id])


def _goes_on(conn: Connection, id: int, row: Any, now: datetime) -> datetime | None:
    """When its schedule goes on after a try by hand; None: that one is the last."""
    if row.state != "pending":
        return None
    scheduled = sends.lane_of(conn, id) in (sends.FIRST, sends.LATER)
    next_at: datetime | None = row.next_at
    return next_at or (now if scheduled else None)


def _check(
    runtime: Runtime, conn: Connection, org: int, row: Any, name: str, *, force: bool
) -> None:  # fmt: skip
    if row.state == "delivered" and not force:
        raise Conflict(f"{name} was delivered: send it again with force")
    if row.state == "captured":
        raise Conflict(f"{name} is kept back: a test organization reaches allowed addresses only")
    if row.target_kind == "hook":
        if row.target_id not in runtime.setups.of(conn, org).hooks.by_id:
            raise Conflict(f"the hook of {name} was deleted")
    elif row.target_kind == "sandbox":
        raise Conflict(f"{name} is a sandbox's own notification")


def recover(
    runtime: Runtime,
    org: int,
    ref: str,
    *,
    by: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Order:
    """Everything a hook did not get, failed or held, oldest first, in a lane of its own."""
    with runtime.db.read() as conn:
        hook = hook_called(runtime, conn, org, ref)
    return bulk(runtime, org, Chosen(hook=hook.id, since=since, until=until), by=by, kind="recover")


def bulk(
    runtime: Runtime,
    org: int,
    chosen: Chosen,
    *,
    by: str,
    kind: str = "filter",
    force: bool = False,
) -> Order:
    """What the filter chooses. The oldest ten thousand: order again for the rest. Raises Conflict
    where that is what was delivered, unless `force`."""
    if not set(chosen.states) <= {"failed", "held", "delivered", "cancelled"}:
        raise InvalidInput("what can be sent again is failed, held, delivered or cancelled")
    if "delivered" in chosen.states and not force:
        raise Conflict("what was delivered is sent again with force")
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        order = redeliveries.create(
            conn, org, kind=kind, hook=chosen.hook, wanted=_shown(chosen), by=by, at=now
        )
        living = runtime.setups.of(conn, org).hooks.by_id
        found = [
            (id, hook) for id, hook in redeliveries.choose(conn, org, chosen) if hook in living
        ]
        redeliveries.queue(conn, org, order, [id for id, _ in found], by)
        work.exhume(conn, Kind.DELIVERY, [id for id, _ in found])
        fresh = [
            NewWork(id=id, org=org, target=target_key("hook", hook), lane=sends.BULK)
            for id, hook in found
            # The head of a blocked key has its row still.
            if not sends.hasten(runtime.db, conn, id, lane=sends.BULK)
        ]
        work.add(runtime.db, conn, Kind.DELIVERY, fresh)
        redeliveries.queued(conn, org, order, len(found))
        identity.audit(conn, org, by, "deliveries sent again", public("rdl", order),
                       after={"count": len(found)}, at=now)  # fmt: skip
        made = redeliveries.order(conn, org, order)
    runtime.queue.wake(DELIVER, [id for id, _ in found])
    return made


def missing(
    runtime: Runtime, org: int, ref: str, *, by: str, since: datetime, until: datetime | None = None
) -> Order:
    """What happened before the hook was made, or while its filter was another: events that were
    never told to it, by the rules of its filter. Changes whose record was not kept, because nobody
    asked for it then, cannot be told."""
    now = runtime.clock.now()
    wanted = {"since": since.isoformat(), "until": until.isoformat() if until else None}
    with runtime.db.write() as conn:
        hook = hook_called(runtime, conn, org, ref)
        setups = runtime.setups.of_all(conn, [org])
        order = redeliveries.create(
            conn, org, kind="missing", hook=hook.id, wanted=wanted, by=by, at=now
        )
        woken: list[int] = []
        made = 0
        for happened in _happened(runtime, conn, setups[org], hook, since, until):
            calls = [call for one in happened if (call := tell.weigh(hook, one)) is not None]
            told = tell.write(
                runtime, conn, setups, _once(calls), now=now, lane=sends.BULK, job=order
            )
            woken += told.due
            made += len(told.due)
        redeliveries.queued(conn, org, order, made)
        identity.audit(conn, org, by, "missing deliveries made", public("hook", hook.id),
                       after={"count": made}, at=now)  # fmt: skip
        found = redeliveries.order(conn, org, order)
    runtime.queue.wake(DELIVER, woken)
    return found


def _once(calls: list[tell.Call]) -> list[tell.Call]:
    return list({call.happening.event: call for call in reversed(calls)}.values())[::-1]


def _happened(
    runtime: Runtime,
    conn: Connection,
    setup: Setup,
    hook: Hook,
    since: datetime,
    until: datetime | None,
) -> Iterator[list[Happening]]:
    """Events of the time that the hook's type means, a chunk at a time."""
    query = (
        select(events.c.id, event_outcomes.c.type, event_outcomes.c.item_id)
        .join_from(events, event_outcomes, event_outcomes.c.event_id == events.c.id)
        .where(events.c.org_id == setup.organization.id, events.c.received_at >= since)
        .order_by(events.c.id)
        .limit(redeliveries.MOST)
    )
    if until is not None:
        query = query.where(events.c.received_at < until)
    found = [row for row in conn.execute(query) if row.type and hook.hears(row.type)]
    items = {row.id: row.item_id for row in found}
    for first in range(0, len(found), _CHUNK):
        ids = [row.id for row in found[first : first + _CHUNK]]
        yield _told(runtime, conn, setup, ids, items)


def _told(
    runtime: Runtime,
    conn: Connection,
    setup: Setup,
    ids: list[int],
    items: Mapping[int, str | None],
) -> list[Happening]:
    now = runtime.clock.now()
    told = []
    for row in read_events(conn, ids):
        try:
            parsed = [] if row.kind == "transition" else parse(runtime, setup, row)
        except Unreadable:
            continue
        one = of_stored(row, parsed, setup, now, item=items.get(row.id))
        if one is not None:
            told.append(one)
    return told


def message(runtime: Runtime, org: int, ref: str, event: int) -> dict[str, Any]:
    """What a hook is told of an event, whole: where the message itself was too large to send.
    Raises NotFound."""
    with runtime.db.read() as conn:
        hook = hook_called(runtime, conn, org, ref)
        setup = runtime.setups.of(conn, org)
        known = select(event_outcomes.c.item_id).where(
            event_outcomes.c.org_id == org, event_outcomes.c.event_id == event
        )
        row = conn.execute(known).first()
        told = [] if row is None else _told(runtime, conn, setup, [event], {event: row.item_id})
    if not told or tell.weigh(hook, told[0]) is None:
        raise NotFound(f"{ref} hears nothing of an event evt_{event}")
    return dict(told[0].data)


def cancel(runtime: Runtime, org: int, id: int, *, by: str) -> Order:
    """Ends an order: what has not been sent yet is cancelled."""
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        redeliveries.order(conn, org, id)
        if redeliveries.cancel(conn, org, id, now):
            gone = sends.drop(runtime.db, conn, redeliveries.pending(conn, org, id))
            ended = {"state": "cancelled", "reason": f"cancelled by {by}", "ended_at": now}
            for first in range(0, len(gone), 1000):
                some = deliveries.c.id.in_(gone[first : first + 1000])
                conn.execute(update(deliveries).where(some).values(**ended))
            identity.audit(conn, org, by, "order cancelled", public("rdl", id), at=now)
        return redeliveries.order(conn, org, id)


def _shown(chosen: Chosen) -> dict[str, Any]:
    return {
        "hook": chosen.hook,
        "states": list(chosen.states),
        "type": chosen.type,
        "search": chosen.search,
        "since": chosen.since.isoformat() if chosen.since else None,
        "until": chosen.until.isoformat() if chosen.until else None,
    }
