"""Several runs done again or ended at once, because a person or a program chose them, by id or by a
filter: one by one, and those that cannot be say why. What was done again already is left alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from relay.core.errors import Conflict, InvalidInput, NotFound
from relay.core.ids import number, public
from relay.pipeline import replay
from relay.pipeline.replay import OVER, Wanted
from relay.runtime import Runtime
from relay.storage import identity
from relay.storage.reads import runs as stored
from relay.storage.reads.runs import Filter

Document = dict[str, Any]

MOST = 200  # that one request does
ENDS = tuple(state for state in stored.STATES if state not in OVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Runs by id, or the oldest that fit a filter. `matching`: how many there are, ten thousand at
    most."""

    ids: Sequence[int]
    matching: int


def by_id(names: Sequence[str]) -> Choice:
    """The oldest first. Raises InvalidInput for too many."""
    ids = sorted({number("run", name) for name in names})
    if len(ids) > MOST:
        raise InvalidInput(f"{len(ids)} runs are too many at once: {MOST} at most")
    return Choice(ids=ids, matching=len(ids))


def to_replay(runtime: Runtime, org: int, wanted: Filter, limit: int = MOST) -> Choice:
    """What fits and was not done again or dismissed yet; failed ones unless a state is named.
    Raises InvalidInput for a state in which no run is over."""
    wanted = replace(wanted, state=wanted.state or "failed", settled=False)
    return _fitting(runtime, org, wanted, [str(wanted.state)], OVER, limit)


def to_cancel(runtime: Runtime, org: int, wanted: Filter, limit: int = MOST) -> Choice:
    """What fits and is not over. Raises InvalidInput for a state in which it is."""
    states = [wanted.state] if wanted.state else list(ENDS)
    return _fitting(runtime, org, replace(wanted, state=None), states, ENDS, limit)


def _fitting(
    runtime: Runtime,
    org: int,
    wanted: Filter,
    states: Sequence[str],
    allowed: Sequence[str] | frozenset[str],
    limit: int,
) -> Choice:
    for state in states:
        if state not in allowed:
            known = ", ".join(one for one in stored.STATES if one in allowed)
            raise InvalidInput(f"a run that is {state} cannot be chosen for this: {known}")
    with runtime.db.read() as conn:
        ids, matching = stored.chosen(conn, org, wanted, states, min(limit, MOST))
    return Choice(ids=ids, matching=matching)


def do_again(
    runtime: Runtime,
    org: int,
    choice: Choice,
    version: str,
    what: str | None = None,
    *,
    begin: bool,
    by: str,
) -> Document:
    """What doing them again would do; with `begin`, does it, and says what came of it."""
    asked = (runtime, org, choice.ids, version, what)
    plan = {**_told(choice), "version": version, **foretell(*asked)}
    return plan if not begin else {**plan, **_begun(replay_all(*asked, by=by))}


def end(runtime: Runtime, org: int, choice: Choice, *, begin: bool, by: str) -> Document:
    """Which of them would be ended; with `begin`, ends them, and says what came of it."""
    if begin:
        return {**_told(choice), **_begun(cancel_all(runtime, org, choice.ids, by=by))}
    return {**_told(choice), "refused": foretell_cancel(runtime, org, choice.ids)}


def _told(choice: Choice) -> Document:
    return {"matching": choice.matching, "chosen": len(choice.ids), "begun": None}


def _begun(done: Document) -> Document:
    return {"begun": done["runs"], "refused": done["refused"]}


def foretell(
    runtime: Runtime, org: int, ids: Sequence[int], version: str, what: str | None = None
) -> Document:
    """How often each step would run again, and how safely; and why some would not."""
    steps: dict[tuple[str, str], Document] = {}
    refused: list[str] = []
    for id in ids:
        try:
            plan = replay.foretell(runtime, org, id, _once(version, what))
        except (Conflict, NotFound) as error:
            refused.append(str(error))
            continue
        for step in plan["steps"]:
            key = (plan["rule"], step["id"])
            known = steps.setdefault(key, {**step, "rule": plan["rule"], "times": 0})
            known["times"] += step["runs_again"]
            if step["runs_again"] and (known["safe"] or not known["runs_again"]):
                known |= {name: step[name] for name in ("safe", "note", "runs_again")}
    return {"refused": refused, "steps": list(steps.values())}


def foretell_cancel(runtime: Runtime, org: int, ids: Sequence[int]) -> list[str]:
    """Why some of them would not be ended."""
    with runtime.db.read() as conn:
        states = {row.id: row.state for row in stored.some(conn, org, ids)}
    return [
        f"{public('run', id)} is {states[id]}: it is over"
        if id in states
        else f"there is no run {public('run', id)} here"
        for id in ids
        if states.get(id) not in ENDS
    ]


def replay_all(
    runtime: Runtime,
    org: int,
    ids: Sequence[int],
    version: str,
    what: str | None = None,
    *,
    by: str,
) -> Document:
    """Does them again: the runs that go on, and why others do not."""
    done = _each(ids, lambda id: replay.replay(runtime, org, id, _once(version, what), by=by))
    _note(runtime, org, "runs replayed", done, by=by)
    return done


def cancel_all(runtime: Runtime, org: int, ids: Sequence[int], *, by: str) -> Document:
    """Ends those that wait or are held, and says why others are not."""

    def cancel(id: int) -> int:
        replay.cancel(runtime, org, id, by=by)
        return id

    done = _each(ids, cancel)
    _note(runtime, org, "runs cancelled", done, by=by)
    return done


def _once(version: str, what: str | None) -> Wanted:
    return Wanted(what=what, version=version, once=True)


def _each(ids: Sequence[int], do: Callable[[int], int]) -> Document:
    done: list[str] = []
    refused: list[str] = []
    for id in ids:
        try:
            done.append(public("run", do(id)))
        except (Conflict, NotFound) as error:
            refused.append(str(error))
    return {"runs": done, "refused": refused}


def _note(runtime: Runtime, org: int, action: str, done: Document, *, by: str) -> None:
    """Beside the note of each: that they were one act."""
    if not done["runs"]:
        return
    told = {"runs": len(done["runs"]), "refused": len(done["refused"])}
    with runtime.db.write() as conn:
        identity.audit(conn, org, by, action, f"{len(done['runs'])} runs", after=told,
                       at=runtime.clock.now())  # fmt: skip
