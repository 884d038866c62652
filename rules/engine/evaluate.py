"""Rules and facts → whether it holds, and the values of its steps; each with its reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from rules.engine.errors import RuleError
from rules.engine.expr import CLEAR, program
from rules.engine.lexer import clauses
from rules.engine.model import Clause, Condition, Rule, Step
from rules.engine.names import Facts, as_path
from rules.engine.templates import whole


def holds(subject: Rule | Step, facts: Facts) -> bool:
    """Whether the `if` is true; without one it is. Raises RuleError where that cannot be said."""
    if subject.condition is None:
        return True
    try:
        return truth(subject.condition, facts)
    except RuleError as error:
        raise _at(error, subject) from error


def readable(text: str) -> None:
    """Raises RuleError for what is no expression."""
    program(text)


def truth(text: str, facts: Facts) -> bool:
    """Whether a condition by itself holds. Raises RuleError where that cannot be said."""
    result = program(text).run(facts)
    if type(result) is not bool:
        raise RuleError(f"the condition gives {result!r}, not true or false")
    return result


def condition(subject: Rule | Step, facts: Facts) -> Condition:
    """The same, with each clause and the values it read, for the trace."""
    held = holds(subject, facts)
    return Condition(held, clauses_of(subject, facts))


def clauses_of(subject: Rule | Step, facts: Facts) -> tuple[Clause, ...]:
    """Each top-level part of the `if` by itself; one that fails carries its error."""
    parts = clauses(subject.condition) if subject.condition is not None else ()
    return tuple(_clause(text, facts) for _, text in parts)


def _clause(text: str, facts: Facts) -> Clause:
    try:
        running = program(text)
    except RuleError as error:
        return Clause(text, None, error.message)
    values = running.values(facts)
    try:
        result = running.run(facts)
    except RuleError as error:
        return Clause(text, None, error.message, values)
    return Clause(text, result if isinstance(result, bool) else None, None, values)


def resolve(step: Step, facts: Facts) -> dict[str, object]:
    """The step's `with`, its `${…}` replaced and types kept. A key whose value is null is left
    out; `CLEAR` stands for an explicit empty value. Raises RuleError with place and source."""
    try:
        return cast("dict[str, object]", step.fill(facts))  # a map's fill gives a map
    except RuleError as error:
        line, column = step.marks.at(error.place, (step.line, step.column))
        raise error.at(error.place, step.path, line, column) from error


def origin(step: Step, place: str) -> str | None:
    """The path of the facts that a parameter comes from: `fields.paid_amount` →
    `event.data.paid_amount`; its expression where it is more than a path; None for literal text."""
    value: object = step.params
    for name in place.replace("[", ".").replace("]", "").split("."):
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    if not isinstance(value, str) or "${" not in value:
        return None
    text = whole(value)
    if text is None:
        return value
    path = as_path(text)
    return path.text if path else text


def _at(error: RuleError, subject: Rule | Step) -> RuleError:
    line, column = subject.marks.at("if", (subject.line, subject.column))
    return error.at("if", subject.path, line, column)


__all__ = [
    "CLEAR",
    "clauses_of",
    "condition",
    "holds",
    "origin",
    "readable",
    "resolve",
    "truth",
]
