"""A run done again because a person asks for it: its failed steps or all of it, by the version that
ran or by the one that is live. What will happen is said first.

Steps keep their keys, so a target that honours them does nothing twice; and a sale that is booked
is booked: its step goes on with what stands in the books.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import Conflict, NotFound, Unreadable
from relay.core.ids import ordering_key, public
from relay.pipeline import reading
from relay.pipeline.execution import FAILURE_STEPS
from relay.pipeline.weighing import weigh
from relay.queue import ACT
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored_events
from relay.storage import identity, work
from relay.storage import replays as stored
from relay.storage.runs import StoredRun
from relay.storage.work import Kind, NewWork
from rules.engine import Rule, Step, rule_hash

Document = dict[str, Any]

FAILED, WHOLE = "failed", "whole"
RAN, CURRENT = "ran", "current"
_NOTES = {
    "webhook.post": "goes out under the same webhook-id",
    "emit": "an event that was made already is not made twice",
}
OVER = frozenset({"succeeded", "failed", "filtered", "skipped", "cancelled"})
_DONE = frozenset({"succeeded", "not_run"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a person asks for. `what` None: failed steps where there are any, else all. `once`: not
    where another run does it again already."""

    what: str | None = FAILED
    version: str = RAN
    once: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A run, and the rule it is done again by."""

    run: StoredRun
    rule: Rule
    setup: Setup
    set_hash: str
    what: str
    is_reopened: bool
    kept: frozenset[str]  # ids of the steps that are not done again


def foretell(runtime: Runtime, org: int, run: int, wanted: Wanted) -> Document:
    """Which steps would run again, and how safely. Raises NotFound, and Conflict where there is
    nothing to do again."""
    with runtime.db.read() as conn:
        found = _found(runtime, conn, org, run, wanted)
        return {
            "run": public("run", run),
            "what": found.what,
            "version": wanted.version,
            "rule": found.rule.id,
            "rule_hash": rule_hash(found.rule),
            "set_hash": found.set_hash,
            "steps": list(steps_told(runtime, conn, found)),
        }


def replay(runtime: Runtime, org: int, run: int, wanted: Wanted, *, by: str) -> int:
    """Does it; the number of the run that goes on, which is a new one unless failed steps are done
    again by the version that ran."""
    with runtime.db.write() as conn:
        stored.run_of(conn, org, run, lock=True)
        found = _found(runtime, conn, org, run, wanted)
        if found.is_reopened:
            stored.reopen(conn, run, _failed(found.run), FAILURE_STEPS)
            number, waits = run, True
        else:
            number, waits = begin(runtime, conn, found)
        if waits:
            okey = okey_of(conn, found.run)
            row = NewWork(id=number, org=org, okey=okey)
            work.add(runtime.db, conn, Kind.RUN, [row])
        identity.audit(
            conn, org, by, "run replayed", public("run", run),
            after={"what": found.what, "version": wanted.version, "as": public("run", number)},
            at=runtime.clock.now(),
        )  # fmt: skip
    runtime.queue.wake(ACT, [number])
    return number


def begin(runtime: Runtime, conn: Connection, found: Found) -> tuple[int, bool]:
    """A new run in place of the earlier one, and whether it has anything to do: its condition is
    asked anew, of the record as it was."""
    now, run = runtime.clock.now(), found.run
    state, reason, clauses = _weighed(runtime, conn, found)
    number = stored.new_run(
        conn,
        {
            "org_id": run.org,
            "event_id": run.event,
            "rule_id": found.rule.id,
            "rule_hash": rule_hash(found.rule),
            "set_hash": found.set_hash,
            "state": state,
            "reason": reason,
            "about": run.about,
            "item_id": run.item_id,
            "trigger": min(run.trigger, len(found.rule.when) - 1),
            "depth": run.depth,
            "clauses": clauses,
            "replay_of": run.id or None,
            "created_at": now,
            "ended_at": None if state == "waiting" else now,
        },
    )
    stored.copy_steps(conn, run.id, number, _places(found))
    if run.state == "failed":
        stored.settle(conn, run.id, number)
    return number, state == "waiting"


def okey_of(conn: Connection, run: StoredRun) -> int | None:
    """Behind which other work it waits."""
    if run.item_id:
        return ordering_key(f"item:{run.item_id}")
    rows = stored_events.read_events(conn, [run.event])
    return rows[0].okey if rows else None


def steps_told(runtime: Runtime, conn: Connection, found: Found) -> Iterator[Document]:
    """Each step of the rule: whether it runs again, and whether that can do harm."""
    sales = stored.booked(
        conn, found.run.org, found.run.item_id or f"event:{found.run.event}",
        {step.use.partition(".")[2] for step in found.rule.do},
    )  # fmt: skip
    by_verb = {row["verb"]: row for row in sales}
    for step in found.rule.do:
        again = step.id not in found.kept
        sale = by_verb.get(step.use.partition(".")[2]) if _books(runtime, step) else None
        yield {
            "id": step.id,
            "use": step.use,
            "runs_again": again,
            **(_safety(runtime, step, sale) if again else {"safe": True, "note": "done, kept"}),
        }


def _safety(runtime: Runtime, step: Step, sale: stored.Row | None) -> Document:
    verb = runtime.verbs.get(step.use)
    if sale is None and verb is not None and not verb.idempotent:
        return {"safe": False, "note": "the target takes no idempotency key: it may be done twice"}
    return {"safe": True, "note": _note(step, sale)}


def _note(step: Step, sale: stored.Row | None) -> str:
    if sale is not None:
        number = sale["external_number"] or sale["number"]
        if sale["state"] == "booked":
            return f"booked already as {number}: nothing is booked again"
        return f"looked for as {number} before it is sent"
    if step.use.startswith("crm."):
        return "what is so already stays as it is"
    return _NOTES.get(step.use, "goes out under the same key")


def _books(runtime: Runtime, step: Step) -> bool:
    verb = runtime.verbs.get(step.use)
    return verb is not None and verb.books


def _found(runtime: Runtime, conn: Connection, org: int, number: int, wanted: Wanted) -> Found:
    run = stored.run_of(conn, org, number)
    name = public("run", number)
    if run.state not in OVER:
        raise Conflict(f"{name} is {run.state}: it is not over yet")
    if wanted.once and (later := stored.done_again_as(conn, run)):
        raise Conflict(f"{name} was done again already, as {public('run', later)}")
    what = wanted.what or (FAILED if _failed(run) else WHOLE)
    if what == FAILED and not _failed(run):
        raise Conflict(f"{name} is {run.state}: it has no failed step; replay the whole run")
    setup = runtime.setups.of(conn, org)
    then = runtime.setups.rule_that_ran(conn, org, run)
    live = setup.rules.by_id.get(run.rule_id)
    rule = live if wanted.version == CURRENT else then
    if rule is None:
        where = "live any more" if wanted.version == CURRENT else "kept in the version that ran"
        raise NotFound(f"the rule {run.rule_id} is not {where}")
    return Found(
        run=run,
        rule=rule,
        setup=setup,
        set_hash=run.set_hash if rule is then else setup.set_hash,
        what=what,
        is_reopened=(what, wanted.version) == (FAILED, RAN),
        kept=_kept(run, rule) if what == FAILED else frozenset(),
    )


def _failed(run: StoredRun) -> list[int]:
    return [n for n, row in run.steps.items() if row["state"] == "failed" and n < FAILURE_STEPS]


def _kept(run: StoredRun, rule: Rule) -> frozenset[str]:
    """What was done by a step that the rule still has."""
    done = {
        row["step_id"]: row["use"]
        for n, row in run.steps.items()
        if row["state"] in _DONE and n < FAILURE_STEPS
    }
    return frozenset(step.id for step in rule.do if done.get(step.id) == step.use)


def _places(found: Found) -> dict[int, int]:
    at = {row["step_id"]: n for n, row in found.run.steps.items() if n < FAILURE_STEPS}
    return {
        at[step.id]: number for number, step in enumerate(found.rule.do) if step.id in found.kept
    }


def _weighed(
    runtime: Runtime, conn: Connection, found: Found
) -> tuple[str, str | None, list[dict[str, Any]] | None]:
    rows = stored_events.read_events(conn, [found.run.event])
    if not rows:
        raise Conflict(f"{public('evt', found.run.event)} is no longer kept")
    try:
        facts = reading.facts(runtime, found.setup, rows[0], runtime.clock.now())
    except Unreadable as error:
        raise Conflict(f"{public('evt', rows[0].id)} cannot be read: {error}") from error
    return weigh(found.rule, facts)


def cancel(runtime: Runtime, org: int, run: int, *, by: str) -> None:
    """Ends a run that waits or is held, for good. Raises NotFound, and Conflict for one that is
    over or being worked on."""
    name, now = public("run", run), runtime.clock.now()
    with runtime.db.write() as conn:
        found = stored.run_of(conn, org, run, lock=True)
        if found.state in OVER:
            raise Conflict(f"{name} is {found.state}: it is over")
        stored.cancel(conn, run, f"cancelled by {by}", now)
        identity.audit(conn, org, by, "run cancelled", name, before=found.state, at=now)
