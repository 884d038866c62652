"""The grammar: plain values → a rule. Every fault is told with its place, not only the first."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from rules.engine.durations import parse_duration
from rules.engine.errors import RuleError
from rules.engine.marks import Marks
from rules.engine.model import Once, OnError, Retry, Rule, Step, Trigger
from rules.engine.schedule import is_cron, is_timezone
from rules.engine.talk import did_you_mean
from rules.engine.templates import Filling, check_templates
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
TRIGGER_KEYS: Mapping[str, tuple[str, ...]] = {
    "changed": ("changed", "list", "from", "to", "not_from", "not_to", "for"),
    "created": ("created", "list"),
    "received": ("received", "source"),
    "scheduled": ("scheduled", "timezone", "list"),
}
FILE_KEYS = ("version", "defaults", "rules")
DEFAULT_KEYS = ("retry", "on_error", "notify")
MAX_ATTEMPTS = 20
_ID = re.compile(r"[a-z0-9-]{3,64}\Z")
_STEP_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_VERB = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?\Z")
_TARGET = re.compile(r"owner\Z|email:[^@\s]+@[^@\s]+\Z|channel:\S+\Z")
_EVENT = re.compile(r"(?:[A-Za-z0-9_-]+\.)*(?:[A-Za-z0-9_-]+|\*)\Z")

Data = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault at a place such as `do[0].with`; `key` where the key itself is at fault."""

    code: str
    place: str
    message: str
    help: str = ""
    key: bool = False


@dataclass(slots=True)
class Reading:
    """One rule on its way: its values, its places, and what was found wrong so far."""

    path: str
    marks: Marks
    problems: list[Problem] = field(default_factory=list)

    def say(
        self, code: str, place: str, message: str, help: str = "", *, key: bool = False
    ) -> None:
        self.problems.append(Problem(code, place, message, help, key))

    def text(self, data: Data, key: str, place: str) -> str | None:
        value = data.get(key)
        if value is None or isinstance(value, str):
            return value
        self.say("R010", _join(place, key), f"'{key}' is text, not {_kind(value)}")
        return None

    def keys(self, data: Data, allowed: Sequence[str], place: str, what: str) -> None:
        for key in data:
            if key not in allowed:
                self.say(
                    "R011",
                    _join(place, key),
                    f"{what} has no key '{key}'",
                    did_you_mean(key, allowed, "its keys"),
                    key=True,
                )

    def need(self, data: Data, key: str, place: str, what: str) -> bool:
        if data.get(key) is None:
            self.say("R012", place, f"{what} needs '{key}'")
            return False
        return True


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
        when=_triggers(reading, data),
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
        reading.say("R010", key, f"'{key}' is true or false, not {_kind(value)}")
    return value is True


def _condition(reading: Reading, data: Data, place: str) -> str | None:
    value = data.get("if")
    if "if" in data and not isinstance(value, str):
        given = "an empty one" if value is None else _kind(value)
        reading.say(
            "R014",
            _join(place, "if"),
            f"'if' is an expression, not {given}",
            "quote an expression that holds ': ' or ' #'",
            key=value is None,
        )
        return None
    return value if isinstance(value, str) else None


# --- triggers -----------------------------------------------------------------------------------


def _triggers(reading: Reading, data: Data) -> tuple[Trigger, ...]:
    if not reading.need(data, "when", "", "a rule"):
        return ()
    value = data["when"]
    if isinstance(value, list):
        if not value:
            reading.say("R101", "when", "'when' names no trigger")
        given = [(f"when[{index}]", inner) for index, inner in enumerate(value)]
    else:
        given = [("when", value)]
    found = (_trigger(reading, inner, place) for place, inner in given)
    return tuple(trigger for trigger in found if trigger is not None)


def _trigger(reading: Reading, value: object, place: str) -> Trigger | None:
    if not isinstance(value, Mapping):
        reading.say("R101", place, f"a trigger is a map, not {_kind(value)}")
        return None
    kinds = [kind for kind in TRIGGER_KEYS if kind in value]
    if len(kinds) != 1:
        said = "one of" if not kinds else "only one of"
        reading.say("R101", place, f"a trigger has {said} {', '.join(TRIGGER_KEYS)}")
        return None
    kind = kinds[0]
    reading.keys(value, TRIGGER_KEYS[kind], place, f"a '{kind}' trigger")
    return _TRIGGERS[kind](reading, value, place)


def _changed(reading: Reading, data: Data, place: str) -> Trigger | None:
    reading.need(data, "list", place, "a 'changed' trigger")
    subject = reading.text(data, "changed", place)
    if not subject:
        return None
    for_ = _duration(reading, data, "for", place)
    if for_ is not None and _values(data, "to") is None:
        reading.say("R102", place, "'for' needs 'to': the value that is held")
    return Trigger(
        kind="changed",
        subject=subject,
        list=reading.text(data, "list", place),
        from_values=_values(data, "from"),
        to_values=_values(data, "to"),
        not_from=_values(data, "not_from") or (),
        not_to=_values(data, "not_to") or (),
        held_for=for_,
    )


def _created(reading: Reading, data: Data, place: str) -> Trigger | None:
    subject = reading.text(data, "created", place)
    if subject not in ("item", "contact", "account"):
        reading.say(
            "R103", _join(place, "created"), "what is created is an item, a contact or an account"
        )
        return None
    return Trigger(kind="created", subject=subject, list=reading.text(data, "list", place))


def _received(reading: Reading, data: Data, place: str) -> Trigger | None:
    reading.need(data, "source", place, "a 'received' trigger")
    subject = reading.text(data, "received", place)
    if not subject:
        return None
    if not _EVENT.match(subject):
        reading.say(
            "R111",
            _join(place, "received"),
            f"'{subject}' is no event type",
            "a type such as invoice.paid, or invoice.* for all that begin so",
        )
    return Trigger(kind="received", subject=subject, source=reading.text(data, "source", place))


def _scheduled(reading: Reading, data: Data, place: str) -> Trigger | None:
    subject = reading.text(data, "scheduled", place)
    if not subject:
        return None
    every = parse_duration(subject)
    if every is None and not is_cron(subject):
        reading.say(
            "R105",
            _join(place, "scheduled"),
            f"'{subject}' is no schedule",
            "five cron fields such as 0 8 * * MON, or a length of time such as 2h",
        )
    timezone = reading.text(data, "timezone", place)
    if timezone and not is_timezone(timezone):
        reading.say("R106", _join(place, "timezone"), f"there is no time zone '{timezone}'")
    return Trigger(
        kind="scheduled",
        subject=subject,
        list=reading.text(data, "list", place),
        timezone=timezone,
        every=every,
    )


_TRIGGERS: Mapping[str, Callable[[Reading, Data, str], Trigger | None]] = {
    "changed": _changed,
    "created": _created,
    "received": _received,
    "scheduled": _scheduled,
}


def _values(data: Data, key: str) -> tuple[object, ...] | None:
    if key not in data:
        return None
    value = data[key]
    return tuple(value) if isinstance(value, list) else (value,)


def _duration(reading: Reading, data: Data, key: str, place: str) -> timedelta | None:
    if key not in data:
        return None
    found = parse_duration(data[key])
    if found is None:
        reading.say(
            "R015",
            _join(place, key),
            f"'{data[key]}' is no length of time",
            "a number and s, m, h or d, such as 14d",
        )
    return found


# --- once, retry, notify ------------------------------------------------------------------------


def _once(reading: Reading, value: object) -> Once:
    if value is None or value == "transition":
        return Once()
    if value == "item":
        return Once(kind="item")
    if isinstance(value, Mapping) and value.get("per") == "item" and set(value) == {"per", "every"}:
        every = _duration(reading, value, "every", "once")
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
        reading.say("R017", _join(place, "attempts"), f"'attempts' is 1 to {MAX_ATTEMPTS}")
        attempts = default.attempts
    return Retry(
        attempts,
        _duration(reading, value, "first", place) or default.first,
        _duration(reading, value, "max", place) or default.max,
    )


def _on_error(reading: Reading, data: Data, place: str, default: OnError = "stop") -> OnError:
    value = data.get("on_error", default)
    if value not in ("stop", "continue"):
        reading.say("R018", _join(place, "on_error"), "'on_error' is stop or continue")
        return default
    return "continue" if value == "continue" else "stop"


def _notify(reading: Reading, data: Data) -> tuple[str, ...]:
    value = data.get("notify") or []
    if not isinstance(value, list):
        reading.say("R019", "notify", f"'notify' is a list, not {_kind(value)}")
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
        reading.say("R300", place, f"a step is a map, not {_kind(value)}")
        return None
    reading.keys(value, STEP_KEYS, place, "a step")
    reading.need(value, "use", place, "a step")
    use = reading.text(value, "use", place) or ""
    if use and not _VERB.match(use):
        reading.say("R303", f"{place}.use", f"'{use}' is no verb", "connector.verb")
    params = value.get("with")
    if not isinstance(params, Mapping | None):
        reading.say("R300", f"{place}.with", f"'with' is a map, not {_kind(params)}")
        params = None
    step_id = reading.text(value, "id", place) or f"step_{index + 1}"
    if not _STEP_ID.match(step_id):
        reading.say(
            "R313", f"{place}.id", f"'{step_id}' is no id for a step", "letters, digits and _"
        )
    _templates(reading, params or {}, place)
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


def _templates(reading: Reading, params: Data, place: str) -> None:
    try:
        check_templates(params, "with")
    except RuleError as error:
        reading.say("R309", f"{place}.{error.place}", error.message)


def _join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def _kind(
    value: object,
) -> Literal["text", "a list", "a map", "nothing", "a number", "true or false"]:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "a map"
    return "a list" if isinstance(value, list) else "a number"
