"""What a test expected beside what happened: `with` as a subset, types included."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from difflib import unified_diff

from rules.engine.expr import CLEAR
from rules.engine.templates import as_text


@dataclass(frozen=True, slots=True)
class Action:
    """One action of a simulated run."""

    use: str
    params: Mapping[str, object] = field(default_factory=dict)
    failed: bool = False
    connection: str | None = None
    error: str = ""


def difference(expected: Sequence[Mapping[str, object]], actions: Sequence[Action]) -> str:
    """Empty where the actions are those expected, in order; else a diff."""
    same = len(expected) == len(actions) and all(map(_matches, expected, actions))
    if same:
        return ""
    wanted = [line for one in expected for line in _lines(_plain_action(one))]
    got = [
        line
        for index, action in enumerate(actions)
        for line in _lines(_shown(action, expected[index] if index < len(expected) else None))
    ]
    return "\n".join(unified_diff(wanted, got, "expected", "happened", lineterm="", n=99))


def _matches(expected: Mapping[str, object], action: Action) -> bool:
    connection = expected.get("connection")
    return (
        expected.get("use") == action.use
        and bool(expected.get("failed", False)) == action.failed
        and (connection is None or connection == action.connection)
        and includes(expected.get("with") or {}, action.params)
    )


def includes(expected: object, actual: object) -> bool:
    """Maps as subsets, lists part by part, scalars by kind and value."""
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(
            includes(value, actual.get(key)) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(map(includes, expected, actual))
        )
    return _scalar(expected) == _scalar(actual)


def _scalar(value: object) -> object:
    if value is None or value is CLEAR:
        return ("empty",)
    if isinstance(value, bool):
        return ("flag", value)
    if isinstance(value, int | float | Decimal):
        return ("number", Decimal(str(value)))
    if isinstance(value, date | datetime):
        return as_text(value)
    return value


def _plain_action(expected: Mapping[str, object]) -> dict[str, object]:
    return {key: _plain(value) for key, value in expected.items()}


def _shown(action: Action, expected: Mapping[str, object] | None) -> dict[str, object]:
    """The action as far as the test looks at it, so that the diff shows what matters."""
    shown: dict[str, object] = {"use": action.use}
    wanted = expected.get("with") if expected is not None else None
    if isinstance(wanted, Mapping):
        shown["with"] = _plain(_narrowed(action.params, wanted))
    if action.failed:
        shown["failed"] = True
        if action.error:
            shown["error"] = action.error
    if expected is not None and "connection" in expected:
        shown["connection"] = action.connection
    return shown


def _narrowed(actual: Mapping[str, object], wanted: Mapping[str, object]) -> dict[str, object]:
    result: dict[str, object] = {}
    for key, value in wanted.items():
        found = actual.get(key)
        nested = isinstance(value, Mapping) and isinstance(found, Mapping)
        result[key] = _narrowed(found, value) if nested else found  # type: ignore[arg-type]  # both are maps, by the line above
    return result


def _lines(value: object) -> list[str]:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str).split("\n")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, Decimal):
        number = _scalar(value)
        return float(value) if value != value.to_integral_value() else int(value) if number else 0
    return as_text(value) if isinstance(value, date) else value
