"""Goes on with runs whose next step is a call: performs it through its connector, and records what
came of it. A step whose outcome is not known is looked for before it is sent again."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import (
    AuthError,
    InvalidInput,
    PermanentError,
    RelayError,
    RetryableError,
    UnknownOutcome,
    Unreadable,
)
from relay.core.ids import ordering_key, public
from relay.http import Exchange
from relay.integration import Call, Deal, Output
from relay.pipeline import connecting, reading, tries
from relay.pipeline.execution import FAILURE_STEPS, Execution
from relay.pipeline.settle import Settled, is_local, settle
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import connections as stored_connections
from relay.storage import customers as stored_customers
from relay.storage import events as stored_events
from relay.storage import runs as stored
from relay.storage import work
from relay.storage.runs import StoredRun
from relay.storage.work import Kind, Lease
from rules.engine import Rule, Step

STEP_SECONDS = 180.0  # a connector's step may take so long
LEASE = STEP_SECONDS + 15.0
AT_ONCE = timedelta(0)
DEATHS = 5  # leases of one run that ran out, nobody knows why, before a person looks


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a call came to."""

    execution: Execution
    result: Output | RelayError
    at: datetime
    took_ms: float
    journal: Sequence[Exchange]
    looked_first: bool


def cap_of(execution: Execution) -> int:
    """Which connection's turn it is."""
    connection = _connection(execution)
    return connection.id if connection is not None else 0


def _connection(execution: Execution) -> Any:
    assert execution.step is not None  # noqa: S101 - asked with a call in hand
    provider = execution.step.use.partition(".")[0]
    return execution.setup.connection_for(provider, execution.step.connection)


async def perform(runtime: Runtime, execution: Execution) -> Outcome:
    """The present step's call; every failure is an outcome."""
    assert execution.step is not None  # noqa: S101 - asked with a call in hand
    provider, _, verb = execution.step.use.partition(".")
    row = _connection(execution)
    connector = runtime.integrations[provider].connector
    assert connector is not None  # noqa: S101 - `settle` has checked the verb
    http = connecting.http_for(runtime, row)
    booking = execution.booking
    look_first = booking is not None and booking.state == "sent"
    at, began = runtime.clock.now(), asyncio.get_running_loop().time()
    known = await asyncio.to_thread(_customers, runtime, execution, row.id)
    call = Call(
        verb=verb,
        params=execution.params,
        connection=connecting.opened(runtime, row),
        http=http,
        key=booking.key if booking is not None else execution.key,
        number=booking.number if booking is not None else f"CRM-{execution.key}",
        reference=f"Deal {execution.item or '-'}, event {public('evt', execution.event)}",
        look_first=look_first,
        deal=Deal(
            item=execution.facts.get("item") or {},
            account=execution.facts.get("account") or {},
            contact=execution.facts.get("contact") or {},
        ),
        now=at,
        customers=known,
    )
    result: Output | RelayError
    try:
        async with asyncio.timeout(STEP_SECONDS):
            result = await connector.perform(call)
    except TimeoutError:
        result = UnknownOutcome(f"{provider} took longer than {STEP_SECONDS:.0f} s")
    except RelayError as error:
        result = error
    return Outcome(
        execution=execution,
        result=result,
        at=at,
        took_ms=(asyncio.get_running_loop().time() - began) * 1000,
        journal=tuple(http.journal),
        looked_first=look_first,
    )


def _customers(runtime: Runtime, execution: Execution, connection: int) -> dict[str, str]:
    account = (execution.facts.get("account") or {}).get("id")
    if not account:
        return {}
    with runtime.db.read() as conn:
        return stored_customers.customers_of(conn, execution.org, connection, str(account))


def record(runtime: Runtime, outcomes: Sequence[Outcome], token: int) -> Settled:
    """Writes what calls came to, and carries their runs on, in one transaction. All outcomes are
    of one token; a run whose lease was lost is left to who has it now."""
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        ids = [outcome.execution.run for outcome in outcomes]
        held = work.renew(runtime.db, conn, Kind.RUN, ids, token=token, seconds=LEASE)
        mine = [outcome for outcome in outcomes if outcome.execution.run in held]
        # Before the outcomes are applied: a run that has ended has no step in hand.
        used = {cap_of(outcome.execution) for outcome in mine}
        stored_connections.note_use(conn, used, now)
        for outcome in mine:
            _apply(runtime, conn, outcome, now)
        return settle(runtime, conn, [o.execution for o in mine], token=token)


def _apply(runtime: Runtime, conn: Connection, outcome: Outcome, now: datetime) -> None:
    execution, result = outcome.execution, outcome.result
    execution.tried += 1
    execution.attempts.append(_attempt(outcome))
    booking = execution.booking
    if isinstance(result, Output):
        if booking is not None:
            amount = None if result.amount is None else str(result.amount)
            stored.mark_booked(
                conn,
                booking.id,
                output=result.data,
                amount=amount,
                currency=result.currency,
                at=now,
            )
        _remember(conn, execution, result.customers)
        execution.done(result.data, now)
        return
    if booking is not None and _is_answer(result):
        # While an earlier try may have booked it, only finding it or its absence settles that.
        if outcome.looked_first or isinstance(result, UnknownOutcome):
            stored.renew_key(conn, booking.id)
        else:
            stored.mark_refused(conn, booking.id)
    if isinstance(result, AuthError):
        _pause(runtime, conn, execution, result, now)
    elif not isinstance(result, RetryableError) or not execution.retry(
        result,
        now,
        random.random(),  # noqa: S311 - spreads waits, guards nothing
    ):
        execution.failed(result, now)


def _remember(conn: Connection, execution: Execution, customers: Mapping[str, str]) -> None:
    account = (execution.facts.get("account") or {}).get("id")
    if account:
        for currency, customer in customers.items():
            stored_customers.remember_customer(
                conn,
                execution.org,
                _connection(execution).id,
                str(account),
                currency=currency,
                customer=customer,
            )


def _is_answer(error: RelayError) -> bool:
    """Whether the present key is used up: it would bring the same answer again."""
    return not isinstance(error, UnknownOutcome) or error.answered


def _pause(
    runtime: Runtime, conn: Connection, execution: Execution, error: AuthError, now: datetime
) -> None:
    row = _connection(execution)
    if connecting.stop(runtime, conn, row, error, now):
        execution.hold(f"connection {row.name} has to be connected again: {error}", now, row.id)
    else:
        execution.postpone(error, now, AT_ONCE)


def _attempt(outcome: Outcome) -> dict[str, Any]:
    execution, result = outcome.execution, outcome.result
    match result:
        case Output(found=True):
            told = ("found", "booked by an earlier try")
        case Output():
            told = ("succeeded", "")
        case UnknownOutcome():
            told = ("unknown", str(result))
        case RetryableError():
            told = ("refused for now", str(result))
        case AuthError():
            told = ("not authorized", str(result))
        case PermanentError() | InvalidInput():
            told = ("refused", str(result))
        case _:
            told = ("failed", str(result))
    return {
        "org_id": execution.org,
        "run_id": execution.run,
        "n": execution.number,
        "attempt": execution.tried,
        "at": outcome.at,
        "took_ms": outcome.took_ms,
        "outcome": told[0],
        "message": told[1] or None,
        "exchanges": [tries.shown(one) for one in outcome.journal],
    }


# --- going on ------------------------------------------------------------------------------------


def resume(runtime: Runtime, leases: Sequence[Lease], token: int) -> Settled:
    """Takes runs up again from their rows: after a wait, behind others of their key, or after a
    worker died with them."""
    ids = [lease.id for lease in leases]
    attempts = {lease.id: lease.attempts for lease in leases}
    with runtime.db.read() as conn:
        rows = stored.read_runs(conn, ids)
        setups = runtime.setups.of_all(conn, {row.org for row in rows})
        events = {e.id: e for e in stored_events.read_events(conn, [row.event for row in rows])}
        rules = _rules(runtime, conn, rows)
    executions = []
    for row in rows:
        rule = rules[row.id]
        execution = _taken_up(runtime, setups[row.org], row, events, rule, token)
        if row.state not in {"waiting", "running"}:
            execution.end(row.state, None)
        elif rule is None:
            execution.end("failed", "the version of the rule that ran is no more")
        elif attempts[row.id] > DEATHS + rule_tries(rule):
            execution.end("failed", f"its worker died {attempts[row.id]} times")
        executions.append(execution)
    with runtime.db.write() as conn:
        held = work.renew(runtime.db, conn, Kind.RUN, ids, token=token, seconds=LEASE)
        mine = [execution for execution in executions if execution.run in held]
        gone = set(ids) - {row.id for row in rows}
        if gone:
            work.fence(runtime.db, conn, Kind.RUN, list(gone), token=token)
        return settle(runtime, conn, mine, token=token)


def _rules(runtime: Runtime, conn: Connection, rows: Sequence[StoredRun]) -> dict[int, Rule | None]:
    return {row.id: runtime.setups.rule_that_ran(conn, row.org, row) for row in rows}


def harmless(runtime: Runtime, conn: Connection, ids: Sequence[int]) -> tuple[list[int], list[int]]:
    """Of runs whose worker is dead: those for which it can have sent nothing, and those for which
    it can have sent something to a sandbox alone."""
    rows = stored.read_runs(conn, ids)
    setups = runtime.setups.of_all(conn, {row.org for row in rows})
    rules = _rules(runtime, conn, rows)
    here, sandboxed = [], []
    for row in rows:
        rule, setup = rules[row.id], setups[row.org]
        if rule is None or all(is_local(setup, step) for step in _left(rule, row)):
            here.append(row.id)
        elif setup.organization.is_test:
            sandboxed.append(row.id)
    return here, sandboxed


def _left(rule: Rule, row: StoredRun) -> list[Step]:
    """Its steps that are not over: whichever of them was in hand."""
    numbered = [*enumerate(rule.do), *enumerate(rule.on_failure, FAILURE_STEPS)]
    over = {n for n, step in row.steps.items() if step["state"] != "waiting"}
    return [step for n, step in numbered if n not in over]


def rule_tries(rule: Rule) -> int:
    """How many claims a run may need that goes well: each try of each step is one."""
    return sum(step.retry.attempts for step in (*rule.do, *rule.on_failure))


def _taken_up(
    runtime: Runtime,
    setup: Setup,
    row: StoredRun,
    events: dict[int, stored_events.EventRow],
    rule: Rule | None,
    token: int,
) -> Execution:
    facts, lost = _facts(runtime, setup, row, events.get(row.event))
    execution = Execution(
        run=row.id,
        org=row.org,
        event=row.event,
        rule=rule or NO_RULE,
        setup=setup,
        facts=facts,
        item=row.item_id,
        about=row.about,
        okey=_okey(row, events.get(row.event)),
        depth=row.depth,
        token=token,
        fresh=False,
        trigger=row.trigger,
    )
    execution.resume(row)
    if lost is not None:
        execution.end("failed", lost)
    return execution


NO_RULE = Rule(id="gone", when=(), do=())


def _okey(row: StoredRun, event: stored_events.EventRow | None) -> int | None:
    if row.item_id:
        return ordering_key(f"item:{row.item_id}")
    return event.okey if event is not None else None


def _facts(
    runtime: Runtime, setup: Setup, row: StoredRun, event: stored_events.EventRow | None
) -> tuple[reading.Facts, str | None]:
    """What the run sees; or why that cannot be said any more."""
    nothing: reading.Facts = {"steps": {}, "event": {"type": None}}
    if event is None:
        return nothing, None
    try:
        facts = reading.facts(runtime, setup, event, runtime.clock.now())
    except Unreadable as error:
        return nothing, f"its event cannot be read: {error}"
    return {**facts, "event": {**facts["event"], "trigger": row.trigger}}, None
