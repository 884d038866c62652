"""The grammar: plain values → a rule. Every fault is told with its place, not only the first."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rules.engine.grammar_triggers import read_triggers
from rules.engine.marks import Marks
from rules.engine.model import Once, OnError, Retry, Rule, Step
from rules.engine.reading import Data, Problem, Reading, join, kind_of
from rules.engine.templates import Filling
from rules.engine.version import hash_of

RULE_KEYS = (
    "id",
    "name",
    "owner",
    "enabled",
    "when",
    "if",
    "once",
    "do",
    "retry",
    "on_error",
    "on_failure",
    "notify",
    "tests",
)
STEP_KEYS = ("id", "use", "connection", "with", "if", "retry", "on_error")
FILE_KEYS = ("version", "defaults", "rules")
DEFAULT_KEYS = ("retry", "on_error", "notify")
MAX_ATTEMPTS = 20
_ID = re.compile(r"[a-z0-9-]{3,64}\Z")
_STEP_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_VERB = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?\Z")
_TARGET = re.compile(r"owner\Z|email:[^@\s]+@[^@\s]+\Z|channel:\S+\Z")


def read_rule(data: Data, path: str, marks: Marks, defaults: Data) -> tuple[Rule, list[Problem]]:
    """The rule, and what is wrong with it; with problems it serves for further checks alone."""
    reading = Reading(path, marks)
    reading.keys(data, RULE_KEYS, "", "a rule")
    merged = {**{key: defaults[key] for key in DEFAULT_KEYS if key in defaults}, **data}
    line, column = marks.at("")
    retry = _retry(reading, merged.get("retry"), "retry", Retry())
    on_error = _on_error(reading, merged, "")
    rule = Rule(
        id=_id(reading, data),
        when=read_triggers(reading, data),
        do=_steps(reading, data, "do", retry, on_error),
        name=reading.text(data, "name", "") or "",
        owner=reading.text(data, "owner", ""),
        enabled=_flag(reading, data, "enabled"),
        condition=_condition(reading, data, ""),
        once=_once(reading, data.get("once")),
        retry=retry,
        on_error=on_error,
        on_failure=_steps(reading, data, "on_failure", retry, on_error),
        notify=_notify(reading, merged),
        tests=_tests(reading, data),
        path=path,
        line=line,
        column=column,
        data=merged,
        marks=marks,
        hash=hash_of(merged),
    )
    return rule, reading.problems


def _id(reading: Reading, data: Data) -> str:
    if not reading.need(data, "id", "", "a rule"):
        return ""
    rule_id = reading.text(data, "id", "") or ""
    if rule_id and not _ID.match(rule_id):
        reading.say("R013", "id", f"'{rule_id}' is no id", "3 to 64 of a-z, 0-9 and -")
    return rule_id


def _flag(reading: Reading, data: Data, key: str) -> bool:
    value = data.get(key, True)
    if not isinstance(value, bool):
        reading.say("R010", key, f"'{key}' is true or false, not {kind_of(value)}")
    return value is True


def _condition(reading: Reading, data: Data, place: str) -> str | None:
    value = data.get("if")
    if "if" in data and not isinstance(value, str):
        given = "an empty one" if value is None else kind_of(value)
        reading.say(
            "R014",
            join(place, "if"),
            f"'if' is an expression, not {given}",
            "quote an expression that holds ': ' or ' #'",
            key=value is None,
        )
        return None
    return value if isinstance(value, str) else None


# --- once, retry, notify ------------------------------------------------------------------------


def _once(reading: Reading, value: object) -> Once:
    if value is None or value == "transition":
        return Once()
    if value == "item":
        return Once(kind="item")
    if isinstance(value, Mapping) and value.get("per") == "item" and set(value) == {"per", "every"}:
        every = reading.duration(value, "every", "once")
        return Once(kind="per", every=every)
    reading.say("R016", "once", "'once' is transition, item or {per: item, every: 24h}")
    return Once()


def _retry(reading: Reading, value: object, place: str, default: Retry) -> Retry:
    if value is None:
        return default
    if value == "off":
        return Retry(attempts=1)
    if not isinstance(value, Mapping):
        reading.say("R017", place, "'retry' is off or {attempts, first, max}")
        return default
    reading.keys(value, ("attempts", "first", "max"), place, "'retry'")
    attempts = value.get("attempts", default.attempts)
    if type(attempts) is not int or not 1 <= attempts <= MAX_ATTEMPTS:
        reading.say("R017", join(place, "attempts"), f"'attempts' is 1 to {MAX_ATTEMPTS}")
        attempts = default.attempts
    return Retry(
        attempts,
        reading.duration(value, "first", place) or default.first,
        reading.duration(value, "max", place) or default.max,
    )


def _on_error(reading: Reading, data: Data, place: str, default: OnError = "stop") -> OnError:
    value = data.get("on_error", default)
    if value not in ("stop", "continue"):
        reading.say("R018", join(place, "on_error"), "'on_error' is stop or continue")
        return default
    return "continue" if value == "continue" else "stop"


def _notify(reading: Reading, data: Data) -> tuple[str, ...]:
    value = data.get("notify") or []
    if not isinstance(value, list):
        reading.say("R019", "notify", f"'notify' is a list, not {kind_of(value)}")
        return ()
    for index, target in enumerate(value):
        if not isinstance(target, str) or not _TARGET.match(target):
            reading.say(
                "R019",
                f"notify[{index}]",
                f"'{target}' is nobody to tell",
                "owner, email:ADDRESS or channel:NAME",
            )
    if "owner" in value and not data.get("owner"):
        reading.say("R019", "notify", "'notify' names the owner, but the rule has none")
    return tuple(str(target) for target in value)


def _tests(reading: Reading, data: Data) -> tuple[Data, ...]:
    value = data.get("tests") or []
    if not isinstance(value, list) or not all(isinstance(test, Mapping) for test in value):
        reading.say("R501", "tests", "'tests' is a list of maps")
        return ()
    return tuple(value)


# --- steps --------------------------------------------------------------------------------------


def _steps(
    reading: Reading, data: Data, key: str, retry: Retry, on_error: OnError
) -> tuple[Step, ...]:
    if key == "do" and not reading.need(data, key, "", "a rule"):
        return ()
    value = data.get(key) or []
    if not isinstance(value, list) or (key == "do" and not value):
        reading.say("R300", key, f"'{key}' is a list of steps")
        return ()
    found = [
        _step(reading, inner, f"{key}[{index}]", index, (retry, on_error))
        for index, inner in enumerate(value)
    ]
    steps = tuple(step for step in found if step is not None)
    _same_ids(reading, steps)
    return steps


def _same_ids(reading: Reading, steps: Sequence[Step]) -> None:
    seen: set[str] = set()
    for step in steps:
        if step.id in seen:
            reading.say("R314", f"{step.place}.id", f"two steps are called '{step.id}'")
        seen.add(step.id)


def _step(
    reading: Reading, value: object, place: str, index: int, inherited: tuple[Retry, OnError]
) -> Step | None:
    if not isinstance(value, Mapping):
        reading.say("R300", place, f"a step is a map, not {kind_of(value)}")
        return None
    reading.keys(value, STEP_KEYS, place, "a step")
    reading.need(value, "use", place, "a step")
    use = reading.text(value, "use", place) or ""
    if use and not _VERB.match(use):
        reading.say("R303", f"{place}.use", f"'{use}' is no verb", "connector.verb")
    params = value.get("with")
    if not isinstance(params, Mapping | None):
        reading.say("R300", f"{place}.with", f"'with' is a map, not {kind_of(params)}")
        params = None
    step_id = reading.text(value, "id", place) or f"step_{index + 1}"
    if not _STEP_ID.match(step_id):
        reading.say(
            "R313", f"{place}.id", f"'{step_id}' is no id for a step", "letters, digits and _"
        )
    marks = reading.marks.below(place)
    line, column = marks.at("")
    return Step(
        id=step_id,
        use=use,
        params=params or {},
        connection=reading.text(value, "connection", place),
        condition=_condition(reading, value, place),
        retry=_retry(reading, value.get("retry"), f"{place}.retry", inherited[0]),
        on_error=_on_error(reading, value, place, inherited[1]),
        place=place,
        path=reading.path,
        line=line,
        column=column,
        marks=marks,
        fill=Filling(params or {}),
    )
