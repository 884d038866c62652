"""Carries runs forward inside one transaction: consecutive steps on our own stores are done in
rounds for the whole chunk, and everything is written in sets. What needs a call waits for it.
"""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import Filtered, RelayError
from relay.crm.changes import Told
from relay.crm.embedded import Sitting
from relay.crm.port import Done
from relay.pipeline import booking, elsewhere, notices, transitions, troubles
from relay.pipeline.execution import Execution
from relay.pipeline.payloads import Happening
from relay.pipeline.tell import tell
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import runs as stored
from relay.storage import work
from relay.storage.bundle import Bundle
from relay.storage.sends import Sending
from relay.storage.work import Kind, Lease, NewWork
from rules.engine import Step

LEASE = 195.0  # seconds: a connector step may take 180, and 15 to write it down
LOCAL = frozenset({"webhook.post", "emit", "stop"})

Lane = deque[Execution]


@dataclass(slots=True, kw_only=True)
class Settled:
    """What one transaction leaves to do: transitions born leased, runs whose next step is a call,
    deliveries to wake, keys whose successors may be free: those of older runs that have ended (no
    other has seen a new one) and those that new runs wait for, which may have ended meanwhile.
    `told` is what hooks hear of, `sending` the deliveries born leased."""

    events: list[Lease] = field(default_factory=list)
    calls: list[Execution] = field(default_factory=list)
    deliveries: list[int] = field(default_factory=list)
    keys: set[int] = field(default_factory=set)
    told: list[Happening] = field(default_factory=list)
    sending: list[Sending] = field(default_factory=list)

    def join(self, other: "Settled") -> None:
        """Takes in what another transaction left."""
        self.events += other.events
        self.calls += other.calls
        self.deliveries += other.deliveries
        self.sending += other.sending
        self.keys |= other.keys


def lanes_of(executions: Iterable[Execution]) -> list[Lane]:
    """Runs of one key one behind the other, in order; runs without a key each by itself."""
    lanes: dict[object, Lane] = {}
    for execution in executions:
        key = ("key", execution.okey) if execution.okey is not None else ("run", execution.run)
        lanes.setdefault(key, deque()).append(execution)
    return list(lanes.values())


def settle(
    runtime: Runtime,
    conn: Connection,
    executions: Sequence[Execution],
    *,
    token: int,
    busy: Collection[int] = (),
    bundle: Bundle | None = None,
) -> Settled:
    """Carries every run as far as it goes without a call, and writes all of it, together with what
    is in the `bundle` already.

    A new run whose key is `busy` with older work waits behind it as a row that is not leased.
    """
    now = runtime.clock.now()
    settled = Settled()
    changes: list[Told] = []
    bundle = bundle if bundle is not None else Bundle()
    crm = runtime.crm.sit(conn, changes, bundle)
    lanes = lanes_of(_free(executions, busy))
    started: set[int] = set()
    prepared: set[int] = set()
    while True:
        heads = [head for lane in lanes if (head := _head(lane, started, now)) is not None]
        local = [e for e in heads if _in_hand_here(e)]
        calls = [e for e in heads if not _in_hand_here(e) and e.run not in prepared]
        if local:
            _round(runtime, conn, crm, local, settled, now)
        elif calls:
            prepared |= {e.run for e in calls if _prepare_call(runtime, conn, e, now)}
        else:
            break
    settled.calls = [lane[0] for lane in lanes if lane and lane[0].state == "running"]
    calling = {e.run for e in settled.calls}
    for execution in executions:
        if execution.state == "running" and execution.run not in calling:
            execution.state = "waiting"
    new = {e.run for e in executions if e.fresh}
    _write(runtime, conn, executions, calling, bundle, token, now)
    troubles.note(runtime, conn, (e for e in executions if e.state == "failed" and e.reason), now)
    setups = {e.org: e.setup for e in executions}
    told = tell(runtime, conn, setups, settled.told, now=now, token=token)
    settled.sending += told.leased
    settled.deliveries += told.due
    settled.events = transitions.store(runtime, conn, changes, token=token)
    settled.keys = {
        e.okey
        for e in executions
        if e.okey is not None and (e.okey in busy if e.run in new else not e.is_open)
    }
    return settled


def _free(executions: Sequence[Execution], busy: Collection[int]) -> list[Execution]:
    """Those that may go on now: new runs behind older work of their key wait for it."""
    return [e for e in executions if e.state == "running" and not (e.fresh and e.okey in busy)]


def _head(lane: Lane, started: set[int], now: datetime) -> Execution | None:
    """The lane's run, its next step in hand; runs that have ended make room for the next."""
    while lane:
        head = lane[0]
        if head.run not in started:
            started.add(head.run)
            head.advance(now)
        if head.state == "running":
            return head
        if head.is_open:
            return None
        lane.popleft()
    return None


def _in_hand_here(execution: Execution) -> bool:
    assert execution.step is not None  # noqa: S101 - a running head has its step in hand
    return is_local(execution.setup, execution.step)


def is_local(setup: Setup, step: Step) -> bool:
    """Whether a step is done in our own transaction, and nothing is sent for it."""
    return setup.crm is None if step.use.startswith("crm.") else step.use in LOCAL


def _round(
    runtime: Runtime,
    conn: Connection,
    crm: Sitting,
    heads: Sequence[Execution],
    settled: Settled,
    now: datetime,
) -> None:
    by_verb: dict[tuple[int, str], list[Execution]] = {}
    for head in heads:
        assert head.step is not None  # noqa: S101 - heads have their step in hand
        by_verb.setdefault((head.org, head.step.use), []).append(head)
    for (_, use), group in by_verb.items():
        if use.startswith("crm."):
            _crm(crm, group, now)
        else:
            for execution in group:
                _local(runtime, conn, execution, settled, now)
    for head in heads:
        head.advance(now)


def _crm(crm: Sitting, group: Sequence[Execution], now: datetime) -> None:
    wanted = transitions.wanted(group[0].setup)
    results = crm.apply([e.operation() for e in group], wanted=wanted)
    for execution, result in zip(group, results, strict=True):
        if isinstance(result, Done):
            execution.done(result.output, now, result.changes)
        else:
            execution.failed(result, now)


def _local(
    runtime: Runtime, conn: Connection, execution: Execution, settled: Settled, now: datetime
) -> None:
    assert execution.step is not None  # noqa: S101 - heads have their step in hand
    try:
        match execution.step.use:
            case "stop":
                raise Filtered(str(execution.params["reason"]))
            case "webhook.post":
                output, delivery = notices.to_target(runtime, conn, execution, now)
                settled.deliveries += [delivery] if delivery is not None else []
            case _:
                output, told = notices.emit(runtime, conn, execution, now)
                settled.told += [told] if told is not None else []
    except RelayError as error:
        execution.failed(error, now)
    else:
        execution.done(output, now)


def _prepare_call(runtime: Runtime, conn: Connection, execution: Execution, now: datetime) -> bool:
    """What has to be durable before the call: which connection, and the sale's one booking row.
    False where the step is over without a call, and another is in hand."""
    assert execution.step is not None  # noqa: S101 - a running head has its step in hand
    if elsewhere.is_remote(execution):
        elsewhere.prepare(conn, execution, now)
        return True
    provider, _, verb = execution.step.use.partition(".")
    try:
        calls = booking.prepare(runtime, conn, execution, provider, verb, now)
    except RelayError as error:
        execution.failed(error, now)
        calls = False
    if not calls:
        execution.advance(now)
    return calls


def _write(
    runtime: Runtime,
    conn: Connection,
    executions: Sequence[Execution],
    calling: set[int],
    bundle: Bundle,
    token: int,
    now: datetime,
) -> None:
    db = runtime.db
    kept = [e for e in executions if not e.fresh]
    stored.update_runs(conn, [{"id": e.run, **_changed(e, now)} for e in kept])
    stored.gather(
        bundle,
        new=[run_row(e, now) for e in executions if e.fresh],
        steps_of=[row for e in executions for row in e.steps.values()],
        tries=[row for e in executions for row in e.attempts],
    )
    bundle.write(conn)
    fresh = [e for e in executions if e.fresh]
    rows = {e.run: NewWork(id=e.run, org=e.org, okey=e.okey) for e in fresh}
    work.add_leased(
        db,
        conn,
        Kind.RUN,
        [rows[e.run] for e in fresh if e.run in calling],
        seconds=LEASE,
        token=token,
    )
    work.add(db, conn, Kind.RUN, [rows[e.run] for e in fresh if e.run not in calling and e.is_open])
    over = [e.run for e in kept if not e.is_open]
    if over:
        work.fence(db, conn, Kind.RUN, over, token=token)
    for execution in kept:
        if execution.state == "waiting":
            seconds = execution.due_in.total_seconds() if execution.due_in else 0.0
            work.retry(db, conn, Kind.RUN, execution.run, token=token, seconds=seconds)
    for execution in executions:
        execution.fresh = False
        execution.steps.clear()
        execution.attempts.clear()


def run_row(execution: Execution, now: datetime) -> dict[str, Any]:
    """A new run as its row."""
    return {
        "id": execution.run,
        "org_id": execution.org,
        "event_id": execution.event,
        "rule_id": execution.rule.id,
        "rule_hash": execution.rule.hash,
        "set_hash": execution.setup.set_hash,
        "about": execution.about,
        "item_id": execution.item,
        "trigger": execution.trigger,
        "depth": execution.depth,
        "clauses": execution.clauses,
        "created_at": now,
        **_changed(execution, now),
    }


def _changed(execution: Execution, now: datetime) -> dict[str, Any]:
    ends = execution.state not in {"waiting", "running", "held"}
    return {
        "state": execution.state,
        "reason": execution.reason,
        "item_id": execution.item,
        "held_by": execution.held_by,
        "ended_at": now if ends else None,
        "next_at": now + execution.due_in if execution.due_in else None,
    }
