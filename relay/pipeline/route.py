"""Event → what it says → the rules and the mapping that look at it → runs, carried as far as they
go without a call. One transaction a chunk."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DataError, IntegrityError, OperationalError

from relay import log as logging
from relay.core.event import ParsedEvent
from relay.pipeline import stays
from relay.pipeline.firing import fire
from relay.pipeline.plan import Plan, look
from relay.pipeline.settle import Settled, settle
from relay.pipeline.tell import tell
from relay.runtime import Runtime
from relay.storage import chunks, work
from relay.storage import events as stored
from relay.storage.bundle import Bundle
from relay.storage.events import EventRow
from relay.storage.numbers import next_ids
from relay.storage.tables.events import events
from relay.storage.work import Kind, Lease, NewWork

LEASE = 60.0  # seconds for a chunk: it makes no calls
MOST_ATTEMPTS = 5  # claims of one event before a person looks
log = logging.get()


@dataclass(slots=True, kw_only=True)
class Routed:
    """What a chunk leaves: more events leased to us, completions and calls to make."""

    settled: Settled = field(default_factory=Settled)
    completions: list[Lease] = field(default_factory=list)
    events: list[Lease] = field(default_factory=list)


def route(runtime: Runtime, leases: Sequence[Lease], token: int) -> Iterator[Routed]:
    """Routes claimed events, and the transitions they lead to, until there are no more."""
    waiting = list(leases)
    while waiting:
        routed = _chunk(runtime, waiting, token)
        waiting = sorted([*routed.events, *routed.settled.events], key=lambda lease: lease.id)
        yield routed


def _chunk(runtime: Runtime, leases: Sequence[Lease], token: int) -> Routed:
    plans = _plans(runtime, leases)
    try:
        with runtime.db.write() as conn:
            return _store(runtime, conn, plans, token)
    except OperationalError:
        raise  # the store is away: the leases bring the chunk back
    except Exception as error:  # noqa: BLE001 - logged, kept and told below
        if len(leases) == 1:
            return _one_bad(runtime, plans, token, error)
    # One by one, so that only the bad one is set apart.
    together = Routed()
    for lease in leases:
        alone = _chunk(runtime, [lease], token)
        together.events += alone.events
        together.completions += alone.completions
        together.settled.join(alone.settled)
    return together


def _one_bad(runtime: Runtime, plans: Sequence[Plan], token: int, error: Exception) -> Routed:
    """An event that cannot be stored: dead at once when it is its data that the database refuses;
    else it is tried again, and dead when that has failed often enough."""
    is_data = isinstance(error, DataError | IntegrityError)
    for plan in plans:
        log.error("event_not_routed", event_id=plan.row.id, exc_info=error)
        if not is_data and plan.lease.attempts < MOST_ATTEMPTS:
            return Routed()
        plan.unreadable = f"it could not be carried out: {error}"
        plan.firings.clear()
        plan.told = None
        plan.parts = ()
    with runtime.db.write() as conn:
        return _store(runtime, conn, plans, token)


def _plans(runtime: Runtime, leases: Sequence[Lease]) -> list[Plan]:
    by_id = {lease.id: lease for lease in leases}
    with runtime.db.read() as conn:
        rows = stored.read_events(conn, list(by_id))
        setups = runtime.setups.at(conn, {row.org: row.version for row in rows})
    now = runtime.clock.now()
    plans = []
    for row in rows:
        plan = Plan(lease=by_id[row.id], row=row, setup=setups[row.org], okey=row.okey)
        try:
            look(runtime, plan, now)
        except Exception as error:  # a fault of ours with one must not hold up the others
            log.exception("event_not_read", event_id=row.id)
            if plan.lease.attempts < MOST_ATTEMPTS:
                continue
            plan.unreadable = f"reading it failed {plan.lease.attempts} times: {error}"
        plans.append(plan)
    return plans


def _store(runtime: Runtime, conn: Connection, plans: Sequence[Plan], token: int) -> Routed:
    now = runtime.clock.now()
    begun = chunks.begin(
        runtime.db,
        conn,
        [plan.lease.id for plan in plans],
        token=token,
        runs=sum(len(plan.firings) for plan in plans),
        keys={key for plan in plans if plan.firings and (key := plan.run_key) is not None},
    )
    plans = [plan for plan in plans if plan.lease.id in begun.held]
    routed = Routed()
    _store_parts(runtime, conn, plans, routed, token, now)
    _follow_stays(conn, plans)
    executions = fire(conn, plans, begun.runs, token, now)
    bundle = Bundle()
    stored.gather_outcomes(bundle, [_outcome(plan, now) for plan in plans])
    for plan in plans:
        if plan.unreadable is not None:
            work.bury(conn, Kind.EVENT, plan.lease, at=now, place="parse", reason=plan.unreadable)
    setups = {plan.row.org: plan.setup for plan in plans}
    told = [plan.told for plan in plans if plan.told is not None]
    first = tell(runtime, conn, setups, told, now=now, token=token)
    routed.settled = settle(runtime, conn, executions, token=token, busy=begun.busy, bundle=bundle)
    routed.settled.deliveries[:0] = first.due
    routed.settled.sending[:0] = first.leased
    return routed


def _follow_stays(conn: Connection, plans: Sequence[Plan]) -> None:
    late = stays.follow(conn, [plan.step for plan in plans if plan.step is not None])
    for plan in plans:
        if plan.row.id in late:
            plan.note = "its stay had ended before"
            plan.firings.clear()


def _outcome(plan: Plan, now: datetime) -> dict[str, Any]:
    state = "routed" if plan.firings or plan.parts or plan.told else "no_rule"
    return {
        "event_id": plan.row.id,
        "org_id": plan.row.org,
        "state": "unreadable" if plan.unreadable is not None else state,
        "type": plan.type,
        "about": plan.about,
        "item_id": plan.item,
        "reason": plan.unreadable or plan.note,
        "at": now,
    }


def _store_parts(
    runtime: Runtime,
    conn: Connection,
    plans: Sequence[Plan],
    routed: Routed,
    token: int,
    now: datetime,
) -> None:
    """A delivery that tells of several things, or only names one, becomes an event for each. Each
    has its own key, so that a thing told twice, in whatever format, is taken once."""
    parts = [(plan, n, part) for plan in plans for n, part in enumerate(plan.parts)]
    if not parts:
        return
    numbers = next_ids(conn, events, len(parts))
    rows = [
        child_row(id, plan.row, part, n, now)
        for id, (plan, n, part) in zip(numbers, parts, strict=True)
    ]
    fresh = stored.insert_events(runtime.db, conn, rows)
    new = [
        (id, plan, part) for id, (plan, _, part) in zip(numbers, parts, strict=True) if id in fresh
    ]
    stored.insert_facts(conn, [facts_row(id, part) for id, _, part in new])
    whole = [NewWork(id=i, org=p.row.org, okey=p.row.okey) for i, p, part in new if part.complete]
    thin = [NewWork(id=i, org=p.row.org) for i, p, part in new if not part.complete]
    db = runtime.db
    routed.events = work.add_leased(db, conn, Kind.EVENT, whole, seconds=LEASE, token=token)
    work.add(db, conn, Kind.COMPLETION, thin)
    routed.completions = [Lease(id=row.id, org=row.org, okey=row.okey, attempts=0) for row in thin]


def child_row(
    id: int, parent: EventRow, part: ParsedEvent, n: int, now: datetime
) -> dict[str, Any]:
    """An event that a delivery told of, as its row."""
    return {
        "id": id,
        "org_id": parent.org,
        "kind": "completion",
        "source_id": parent.source,
        "dkey": f"part:{part.key}" if part.key else f"part:{parent.id}:{n}",
        "okey": parent.okey,
        "state": "accepted",
        "parent_id": parent.id,
        "depth": 0,
        "received_at": now,
    }


def facts_row(id: int, part: ParsedEvent) -> dict[str, Any]:
    """What is known of an event, as its row."""
    return {
        "event_id": id,
        "type": part.type,
        "data": dict(part.data),
        "body": part.body,
        "occurred_at": part.occurred_at,
    }
