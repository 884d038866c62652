"""An event looked at again because a person asks for it: by every live rule, or by those that are
named. What a rule did for it before is done again as a whole, by the version that is live."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import Conflict, InvalidInput, NotFound
from relay.core.ids import ordering_key, public
from relay.pipeline.plan import Firing, Plan, look
from relay.pipeline.replay import WHOLE, Found, begin, okey_of, steps_told
from relay.queue import ACT, ROUTE
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored_events
from relay.storage import identity, work
from relay.storage import replays as stored
from relay.storage.events import EventRow
from relay.storage.reads import events as shown
from relay.storage.runs import StoredRun
from relay.storage.work import Kind, Lease, NewWork
from rules.engine import rule_hash

Document = dict[str, Any]

_READ_AGAIN = "unreadable"
_LOOKED_AT = frozenset({"routed", "no_rule"})


def foretell(runtime: Runtime, org: int, event: int, rules: Collection[str] = ()) -> Document:
    """Which rules would look at it, and what each would do again. Raises NotFound and Conflict."""
    with runtime.db.read() as conn:
        row, state = _event(conn, org, event)
        told: Document = {"event": public("evt", event), "state": state, "rules": []}
        if state == _READ_AGAIN:
            return told
        setup = runtime.setups.of(conn, org)
        for plan, firing in _firings(runtime, conn, setup, row, rules):
            found = _found(plan, firing, _before(conn, org, plan.row.id, firing))
            told["rules"].append(
                {
                    "rule": found.rule.id,
                    "before": None if found.run.id == 0 else public("run", found.run.id),
                    "steps": list(steps_told(runtime, conn, found)),
                }
            )
        return told


def replay(
    runtime: Runtime, org: int, event: int, rules: Collection[str] = (), *, by: str
) -> list[int]:
    """Does it; the numbers of the runs. An event that could not be read is read again, and has
    none yet."""
    with runtime.db.write() as conn:
        row, state = _event(conn, org, event)
        identity.audit(
            conn, org, by, "event replayed", public("evt", event),
            after={"rules": sorted(rules)} if rules else None, at=runtime.clock.now(),
        )  # fmt: skip
        if state == _READ_AGAIN:
            stored.forget_outcome(conn, event)
            again = NewWork(id=event, org=org, okey=row.okey)
            work.add(runtime.db, conn, Kind.EVENT, [again])
            woken: list[int] = []
        else:
            setup = runtime.setups.of(conn, org)
            firings = _firings(runtime, conn, setup, row, rules)
            woken = [_begin(runtime, conn, plan, firing) for plan, firing in firings]
    if state == _READ_AGAIN:
        runtime.queue.wake(ROUTE, [event])
    runtime.queue.wake(ACT, woken)
    return woken


def _event(conn: Connection, org: int, event: int) -> tuple[EventRow, str]:
    """The event and what became of it, where it can be looked at again."""
    known = shown.detail(conn, org, event).row
    name = public("evt", event)
    if known.state == "duplicate" and known.parent_id is not None:
        raise Conflict(f"{name} is a duplicate: replay {public('evt', known.parent_id)}, the first")
    if known.state not in {*_LOOKED_AT, _READ_AGAIN}:
        raise Conflict(f"{name} is {known.state}: there is nothing to do again")
    if stored.is_waiting(conn, event):
        raise Conflict(f"{name} waits to be read: it is not over yet")
    rows = stored_events.read_events(conn, [event])
    return rows[0], known.state


def _firings(
    runtime: Runtime, conn: Connection, setup: Setup, row: EventRow, rules: Collection[str]
) -> list[tuple[Plan, Firing]]:
    """The rules that look at it, or at the events that it told of."""
    unknown = sorted(set(rules) - set(setup.rules.by_id))
    if unknown:
        raise NotFound(f"there is no rule {unknown[0]!r} here")
    found = []
    for each in (row, *_parts(conn, row)):
        lease = Lease(id=each.id, org=each.org, okey=each.okey, attempts=1)
        plan = Plan(lease=lease, row=each, setup=setup, okey=each.okey)
        look(runtime, plan, runtime.clock.now())
        if plan.unreadable is not None:
            raise Conflict(f"{public('evt', each.id)} cannot be read: {plan.unreadable}")
        found += [(plan, one) for one in plan.firings if not rules or one.match.rule.id in rules]
    missing = sorted(set(rules) - {one.match.rule.id for _, one in found})
    if missing:
        raise InvalidInput(f"the rule {missing[0]} does not look at {public('evt', row.id)}")
    return found


def _parts(conn: Connection, row: EventRow) -> list[EventRow]:
    return stored_events.read_events(conn, stored_events.parts_of(conn, row.org, row.id))


def _before(conn: Connection, org: int, event: int, firing: Firing) -> StoredRun | None:
    """The rule's newest run for the event."""
    mine = [
        one for one in stored.runs_of_event(conn, org, event) if one.rule_id == firing.match.rule.id
    ]
    return mine[-1] if mine else None


def _found(plan: Plan, firing: Firing, before: StoredRun | None) -> Found:
    rule = firing.match.rule
    return Found(
        run=before or _never(plan, firing),
        rule=rule,
        setup=plan.setup,
        set_hash=plan.setup.set_hash,
        what=WHOLE,
        is_reopened=False,
        kept=frozenset(),
    )


def _never(plan: Plan, firing: Firing) -> StoredRun:
    """In place of the run of a rule that has not looked at the event before."""
    rule = firing.match.rule
    return StoredRun(
        id=0,
        org=plan.row.org,
        event=plan.row.id,
        rule_id=rule.id,
        rule_hash=rule_hash(rule),
        set_hash=plan.setup.set_hash,
        state="filtered",
        item_id=plan.item,
        about=plan.about,
        trigger=firing.match.trigger,
        depth=plan.row.depth,
        replay_of=None,
    )


def _begin(runtime: Runtime, conn: Connection, plan: Plan, firing: Firing) -> int:
    before = _before(conn, plan.row.org, plan.row.id, firing)
    found = _found(plan, firing, before)
    if before is not None and before.state in {"waiting", "running", "held"}:
        raise Conflict(f"{public('run', before.id)} is {before.state}: it is not over yet")
    number, waits = begin(runtime, conn, found)
    if before is None:
        stored.claim(
            conn,
            {
                "org_id": plan.row.org,
                "rule_id": found.rule.id,
                "key": firing.key or f"event:{plan.row.id}",
                "run_id": number,
                "item_id": plan.item if waits else None,
                "at": runtime.clock.now(),
            },
        )
    if waits:
        okey = ordering_key(f"item:{plan.item}") if plan.item else okey_of(conn, found.run)
        work.add(runtime.db, conn, Kind.RUN, [NewWork(id=number, org=plan.row.org, okey=okey)])
    return number
