"""The types of event that an organization's hooks can ask for: ours, and those its rules emit."""

from collections.abc import Iterator, Mapping
from typing import Any

from relay.core.catalogue import CATALOGUE, EventType, emitted
from relay.setups import Setup
from rules.engine import Rule


def types_of(setup: Setup) -> dict[str, EventType]:
    """By name, ours first."""
    own = {one.type: one for rule in setup.rules.rules for one in _emitted(rule)}
    return {**CATALOGUE, **{type: one for type, one in own.items() if type not in CATALOGUE}}


def _emitted(rule: Rule) -> Iterator[EventType]:
    for step in (*rule.do, *rule.on_failure):
        type = step.params.get("type") if step.use == "emit" else None
        if isinstance(type, str) and "${" not in type:
            data = step.params.get("data")
            shown = _example(rule, type) or _shape(data)
            yield emitted(type, shown, f"The rule {rule.id} emits it: {rule.name or rule.id}.")


def _shape(data: object) -> dict[str, Any]:
    """The names of the data, and what of it is always the same."""
    if not isinstance(data, Mapping):
        return {}
    return {
        name: None if isinstance(value, str) and "${" in value else value
        for name, value in data.items()
    }


def _example(rule: Rule, type: str) -> dict[str, Any]:
    """The fullest data that the rule's own tests expect."""
    found: dict[str, Any] = {}
    for test in rule.tests:
        expected = test.get("expect")
        for step in expected if isinstance(expected, list) else ():
            given = step.get("with") if isinstance(step, Mapping) else None
            data = given.get("data") if isinstance(given, Mapping) else None
            if isinstance(data, Mapping) and given and given.get("type", type) == type:
                found = max(found, dict(data), key=len)
    return found
