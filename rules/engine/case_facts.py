"""The facts of a `tests:` case: what the file gives, typed as the CRM and sources type it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from rules.engine.durations import parse_duration
from rules.engine.functions import moment
from rules.engine.lexer import ROOTS
from rules.engine.model import Rule, Step
from rules.engine.names import facts_of
from rules.engine.templates import parts
from rules.engine.vocabulary import EVENTS

# A Monday noon: what `now` is where a test does not say.
DEFAULT_NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d.*)?\Z")
_RECORDS = ("item", "account", "contact")

Data = Mapping[str, object]


def facts_for(rule: Rule, test: Data, given: Data, kind: str) -> dict[str, object]:
    """Facts as a run would have them; names that the rule reads and the test leaves out are
    null."""
    started = _start(test, given, kind)
    now = started + (parse_duration(test.get("after")) or timedelta())
    used = set(_used(rule))
    bound = kind in ("changed", "scheduled") or (kind == "created" and given[kind] == "item")
    records = {name: _record(name, given.get(name), used) for name in _RECORDS}
    if not bound or (kind == "scheduled" and "list" not in given and "item" not in given):
        records["item"] = None
    elif records["item"] is None:
        records["item"] = _record("item", {}, used)
    _emails(records)
    return {
        "event": _event(given, kind, (started, now), used),
        **records,
        "steps": {},
        "failure": None,
        "now": now,
        "settings": test.get("settings") or {},
        "timezone": str(test.get("timezone") or "UTC"),
    }


def _start(test: Data, given: Data, kind: str) -> datetime:
    value = given.get("at") or test.get("now") or (given[kind] if kind == "scheduled" else None)
    found = moment(value) if value is not None else DEFAULT_NOW
    if isinstance(found, datetime):
        return found
    return datetime(found.year, found.month, found.day, tzinfo=UTC)


def _record(name: str, given: object, used: set[tuple[str, ...]]) -> dict[str, object] | None:
    if not isinstance(given, Mapping):
        return None
    empty: dict[str, object] = {path[1]: None for path in used if path[0] == name and path[1:]}
    return empty | {"id": f"{name}_1", "name": None} | {k: _typed(v) for k, v in given.items()}


def _emails(records: Mapping[str, dict[str, object] | None]) -> None:
    item, contact = records["item"], records["contact"]
    if item is not None and item.get("emails") is None:
        email = contact.get("email") if contact is not None else None
        item["emails"] = [email] if email else []


def _event(
    given: Data, kind: str, times: tuple[datetime, datetime], used: set[tuple[str, ...]]
) -> dict[str, object]:
    started, now = times
    event_type = str(given[kind]) if kind == "received" else kind
    data = given.get("data")
    names = {path[2] for path in used if path[:2] == ("event", "data") and len(path) > len("ab")}
    known = EVENTS.get(event_type, dict.fromkeys(names, "any"))
    return {
        "id": "evt_1",
        "at": now if kind == "changed" else started,
        "since": started,
        "type": event_type,
        "from": _typed(given.get("from")),
        "to": _typed(given.get("to")),
        "list": given.get("list"),
        "data": dict.fromkeys(known) | _facts(data) if kind == "received" else None,
        "body": given.get("body"),
        "trigger": 0,
    }


def _facts(data: object) -> dict[str, object]:
    """Facts of an event: numbers are decimals, dates stay text."""
    if not isinstance(data, Mapping):
        return {}
    return {key: value if isinstance(value, str) else _typed(value) for key, value in data.items()}


def _typed(value: object) -> object:
    """A value of a record: numbers as decimals, dates as dates, as the CRM hands them over."""
    if isinstance(value, str) and _DATE.match(value):
        return _moment(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, Mapping):
        return {key: _typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    return value


def _moment(value: str) -> date | str:
    try:
        return moment(value)
    except ValueError:
        return value


def _used(rule: Rule) -> Iterator[tuple[str, ...]]:
    """Every fact that the rule's expressions read."""
    for text in texts_of(rule):
        for path in facts_of(text):
            if path[0] in ROOTS:
                yield path


def texts_of(rule: Rule) -> Iterator[str]:
    """Every expression in the rule."""
    if rule.condition is not None:
        yield rule.condition
    for step in (*rule.do, *rule.on_failure):
        yield from _step_texts(step)


def _step_texts(step: Step) -> Iterator[str]:
    if step.condition is not None:
        yield step.condition
    yield from _value_texts(step.params)


def _value_texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _value_texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _value_texts(inner)
    elif isinstance(value, str) and "${" in value:
        yield from (part.text for part in parts(value) if part.is_expression)
