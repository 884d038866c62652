"""Matched rules become runs: whether each may begin is decided, and its firing claimed by a unique
insert, before anything is done."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from relay.core import ids
from relay.pipeline.execution import Execution
from relay.pipeline.plan import Firing, Plan
from relay.pipeline.reading import change_of
from relay.pipeline.weighing import weigh
from relay.storage import events as stored_events
from relay.storage import runs as stored

DEEPEST = 5  # a rule may lead to a rule, so far

# The run that fired last for an organization's rule and item, within the chunk.
_Fired = dict[tuple[int, str, str], int]


def fire(
    conn: Connection, plans: Sequence[Plan], numbers: Sequence[int], token: int, now: datetime
) -> list[Execution]:
    """The runs of a chunk's events, in order; `numbers` are for them, and may be more than are
    needed. A firing that was claimed before has none."""
    pairs = [(plan, firing) for plan in plans for firing in plan.firings]
    fired: _Fired = {}
    made = []
    for run, (plan, firing) in zip(numbers, pairs, strict=False):
        execution = _execution(plan, firing, run, token)
        _decide(conn, execution, fired, now)
        made.append((execution, firing))
    new = stored.claim_firings(conn, [_row(e, firing, now) for e, firing in made])
    kept = []
    for execution, firing in made:
        if execution.run in new:
            kept.append(execution)
        elif _fires(execution) and execution.rule.once.kind == "item" and firing.key is None:
            execution.end("skipped", "the rule fires once for an item, and has")
            kept.append(execution)
    return kept


def _row(execution: Execution, firing: Firing, now: datetime) -> dict[str, object]:
    fires = _fires(execution)
    once_ever = fires and execution.rule.once.kind == "item" and execution.item is not None
    return {
        "org_id": execution.org,
        "rule_id": execution.rule.id,
        "key": f"item:{execution.item}" if once_ever else firing.key or f"event:{execution.event}",
        "run_id": execution.run,
        # What did not fire does not count for `once`.
        "item_id": execution.item if fires else None,
        "at": now,
    }


def _fires(execution: Execution) -> bool:
    return execution.state in {"running", "held"}


def _execution(plan: Plan, firing: Firing, run: int, token: int) -> Execution:
    return Execution(
        run=run,
        org=plan.row.org,
        event=plan.row.id,
        rule=firing.match.rule,
        setup=plan.setup,
        facts=firing.facts,
        item=plan.item,
        about=plan.about,
        okey=plan.run_key,
        depth=plan.row.depth,
        token=token,
        fresh=True,
        trigger=firing.match.trigger,
    )


def _decide(conn: Connection, execution: Execution, fired: _Fired, now: datetime) -> None:
    """Whether the run may begin: depth, pause, the rule's own condition, and how often."""
    rule = execution.rule
    if execution.depth >= DEEPEST:
        led = " → ".join([*_led_here(conn, execution.event), rule.id])
        execution.end("failed", f"rules led to rules {DEEPEST} times, so it was not run: {led}")
        return
    if rule.id in execution.setup.paused:
        execution.hold("the rule is paused", now)
        return
    state, reason, execution.clauses = weigh(rule, execution.facts)
    if state != "waiting":
        execution.end(state, reason)
    if execution.state != "running" or execution.item is None:
        return
    repeated = _repeats(conn, execution, fired, now)
    if repeated is not None:
        execution.end("skipped", f"fired for this item before: {ids.public('run', repeated)}")
        return
    fired[execution.org, rule.id, execution.item] = execution.run


def _led_here(conn: Connection, event: int) -> list[str]:
    """The rules whose changes led to an event, in their order."""
    names: list[str] = []
    at: int | None = event
    while at is not None and len(names) < DEEPEST:
        (row,) = stored_events.read_events(conn, [at])
        author = change_of(row).get("author", {}) if row.kind == "transition" and row.body else {}
        if author.get("kind") == "rule":
            names.insert(0, str(author["ref"]))
        at = stored_events.parent_of(conn, at)
    return names


def _repeats(conn: Connection, execution: Execution, fired: _Fired, now: datetime) -> int | None:
    """The run that `once` counts, where there is one."""
    once, item = execution.rule.once, execution.item
    if once.kind == "transition" or item is None:
        return None
    here = fired.get((execution.org, execution.rule.id, item))
    if here is not None:
        return here
    since = None if once.every is None else now - once.every
    return stored.fired_before(conn, execution.org, execution.rule.id, item, since)
