"""A run without surroundings: the rule's own walk, every verb replaced by its schema's check and a
stub. Tests and dry runs use it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rules.engine.compare import Action
from rules.engine.errors import RuleError
from rules.engine.evaluate import holds, resolve
from rules.engine.model import Rule, Step, Verb

Stubs = Mapping[str, Mapping[str, object]]


@dataclass(slots=True)
class Simulated:
    """What a run did: `ends` is its end state, `reached` the places of the rule it passed."""

    ends: str = "succeeded"
    actions: list[Action] = field(default_factory=list)
    notified: tuple[str, ...] = ()
    reached: set[str] = field(default_factory=set)
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Failed(Exception):
    step: str
    message: str


class _Filtered(Exception):
    pass


def simulate(
    rule: Rule, facts: Mapping[str, object], verbs: Mapping[str, Verb], stubs: Stubs
) -> Simulated:
    """The run of a rule whose trigger has matched."""
    done = Simulated()
    running = {**facts, "steps": {}}
    try:
        if rule.condition is not None:
            done.reached.add("if")
        if not holds(rule, running):
            done.ends = "filtered"
            return done
        _steps(rule.do, running, (verbs, stubs), done)
    except _Filtered:
        done.ends = "filtered"
    except RuleError as error:
        _fail(rule, running, (verbs, stubs), done, _Failed("", str(error)))
    except _Failed as failure:
        _fail(rule, running, (verbs, stubs), done, failure)
    return done


def _fail(
    rule: Rule,
    facts: dict[str, object],
    means: tuple[Mapping[str, Verb], Stubs],
    done: Simulated,
    failure: _Failed,
) -> None:
    done.ends, done.error, done.notified = "failed", failure.message, rule.notify
    if not done.notified and rule.owner:
        done.notified = ("owner",)
    facts["failure"] = {"step": failure.step, "message": failure.message}
    try:
        _steps(rule.on_failure, facts, means, done)
    except (_Failed, _Filtered, RuleError):
        return


def _steps(
    steps: Sequence[Step],
    facts: dict[str, object],
    means: tuple[Mapping[str, Verb], Stubs],
    done: Simulated,
) -> None:
    for step in steps:
        try:
            if not _goes_on(step, facts, done):
                continue
            output = _perform(step, facts, means, done)
        except RuleError as error:
            done.actions.append(Action(step.use, failed=True, error=str(error)))
            if step.on_error == "stop":
                raise _Failed(step.id, str(error)) from error
        except _Failed:
            if step.on_error == "stop":
                raise
        else:
            known = facts["steps"]
            before = known if isinstance(known, Mapping) else {}
            facts["steps"] = {**before, step.id: {"output": output}}


def _goes_on(step: Step, facts: Mapping[str, object], done: Simulated) -> bool:
    if step.condition is not None:
        done.reached.add(f"{step.place}.if")
    held = holds(step, facts)
    if held:
        done.reached.add(step.place)
    return held


def _perform(
    step: Step,
    facts: Mapping[str, object],
    means: tuple[Mapping[str, Verb], Stubs],
    done: Simulated,
) -> dict[str, object]:
    verbs, stubs = means
    params = resolve(step, facts)
    stub = stubs.get(step.id, {})
    error = _refused(step, params, verbs.get(step.use)) or _stubbed_error(stub)
    action = Action(step.use, params, bool(error), step.connection, error)
    done.actions.append(action)
    if error:
        raise _Failed(step.id, error)
    output = _output(step, verbs.get(step.use), stub)
    if step.use == "stop":
        raise _Filtered
    if output.get("found") is False and params.get("required") is not False:
        raise _Filtered
    return output


def _refused(step: Step, params: Mapping[str, object], verb: Verb | None) -> str:
    """The verb's schema on the values as they came out: what is left out is missing."""
    if verb is None:
        return f"there is no verb '{step.use}'"
    for param in verb.params:
        if param.required and param.name not in params:
            return f"{verb.name} needs '{param.name}', which came out empty"
    for group in verb.one_of:
        if not any(name in params for name in group):
            return f"{verb.name} needs one of {', '.join(group)}"
    return ""


def _stubbed_error(stub: Mapping[str, object]) -> str:
    error = stub.get("error")
    if not isinstance(error, Mapping):
        return ""
    return f"{error.get('status', 'failed')}: {error.get('message', '')}"


def _output(step: Step, verb: Verb | None, stub: Mapping[str, object]) -> dict[str, object]:
    given = stub.get("output")
    made: dict[str, object] = {name: f"{step.id}-{name}" for name in (verb.output if verb else ())}
    made |= {name: True for name in ("found", "created") if name in made}
    return made | (dict(given) if isinstance(given, Mapping) else {})
