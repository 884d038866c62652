"""One rule on its way from plain values: what was found wrong so far, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from rules.engine.durations import parse_duration
from rules.engine.marks import Marks
from rules.engine.talk import did_you_mean

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
        self.say("R010", join(place, key), f"'{key}' is text, not {kind_of(value)}")
        return None

    def keys(self, data: Data, allowed: Sequence[str], place: str, what: str) -> None:
        for key in data:
            if key not in allowed:
                self.say(
                    "R011",
                    join(place, key),
                    f"{what} has no key '{key}'",
                    did_you_mean(key, allowed, "its keys"),
                    key=True,
                )

    def need(self, data: Data, key: str, place: str, what: str) -> bool:
        if data.get(key) is None:
            self.say("R012", place, f"{what} needs '{key}'")
            return False
        return True

    def duration(self, data: Data, key: str, place: str) -> timedelta | None:
        if key not in data:
            return None
        found = parse_duration(data[key])
        if found is None:
            self.say(
                "R015",
                join(place, key),
                f"'{data[key]}' is no length of time",
                "a number and s, m, h or d, such as 14d",
            )
        return found


def join(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def kind_of(
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
