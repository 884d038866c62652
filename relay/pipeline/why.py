"""Why a rule did not look at an event: worked out when somebody asks, from the rules themselves."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from relay.setups import Setup
from rules.engine import Rule, Trigger

SHOWN = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a rule could look at: a delivery of a type on a source, or a change of the CRM."""

    type: str | None = None
    source: str | None = None
    change: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bystander:
    """A rule that did not fire, and why."""

    rule: Rule
    why: str


def bystanders(
    setup: Setup, seen: Seen, fired: Collection[str]
) -> tuple[list[Bystander], Sequence[Rule]]:
    """The live rules that came near the event and did not fire, with the reason; and the rest,
    which look at something else altogether."""
    near: list[Bystander] = []
    far: list[Rule] = []
    for rule in setup.rules.rules:
        if rule.id in fired:
            continue
        why = _why(rule, seen)
        if why is None or len(near) >= SHOWN:
            far.append(rule)
        else:
            near.append(Bystander(rule=rule, why=why))
    return near, far


def watched(trigger: Trigger) -> str:
    """What a trigger waits for, in a few words: `Deals · status → Deal Won`."""
    match trigger.kind:
        case "changed":
            before = f"{_values(trigger.from_values)} " if trigger.from_values is not None else ""
            after = _values(trigger.to_values) if trigger.to_values is not None else "anything"
            stays = f", for {_span(trigger.held_for)}" if trigger.held_for else ""
            return f"{trigger.list} · {trigger.subject} {before}→ {after}{stays}"
        case "created":
            on = f" on {trigger.list}" if trigger.list else ""
            return f"a new {trigger.subject}{on}"
        case "received":
            return f"{trigger.subject} on {trigger.source}"
        case "scheduled":
            return f"the time {trigger.subject}"


def this_was(seen: Seen) -> str:
    """What the event was, in the words of `watched`."""
    change = seen.change
    if change is None:
        return f"{seen.type or 'something unread'} on {seen.source or 'the CRM'}"
    if "created" in change:
        on = f" on {change['list']}" if change.get("list") else ""
        return f"a new {change['created']}{on}"
    if "field" not in change:
        return str(seen.type)
    before, after = _value(change.get("from")), _value(change.get("to"))
    return f"{change.get('list')} · {change.get('field')} {before} → {after}"


def _why(rule: Rule, seen: Seen) -> str | None:
    """None where none of the rule's triggers comes near."""
    near = [reason for trigger in rule.when if (reason := _near(trigger, rule, seen)) is not None]
    if not near:
        return None
    if not rule.enabled:
        return "it is switched off in its file (enabled: false)"
    return "; ".join(dict.fromkeys(near))


def _near(trigger: Trigger, rule: Rule, seen: Seen) -> str | None:
    if seen.change is None:
        return _near_delivery(trigger, seen)
    if "created" in seen.change:
        same = trigger.kind == "created" and trigger.subject == seen.change["created"]
        return f"watches {watched(trigger)}; this was {this_was(seen)}" if same else None
    return _near_change(trigger, rule, seen, seen.change)


def _near_delivery(trigger: Trigger, seen: Seen) -> str | None:
    if trigger.kind != "received":
        return None
    if trigger.source != seen.source and trigger.subject != seen.type:
        return None
    return f"waits for {watched(trigger)}; this was {this_was(seen)}"


def _near_change(trigger: Trigger, rule: Rule, seen: Seen, change: Mapping[str, Any]) -> str | None:
    if trigger.kind != "changed" or trigger.list != change.get("list"):
        return None
    if trigger.subject != change.get("field"):
        return None
    maker = change.get("author") or {}
    if maker.get("kind") == "rule" and maker.get("ref") == rule.id:
        return "it made this change itself, and never sets itself off"
    if trigger.held_for is not None and _reaches(trigger, change):
        return f"waits until the value has stayed for {_span(trigger.held_for)}"
    return f"watches {watched(trigger)}; this was {_difference(trigger, seen, change)}"


def _difference(trigger: Trigger, seen: Seen, change: Mapping[str, Any]) -> str:
    """The end of the change that the trigger does not take, or all of it."""
    if not _reaches(trigger, change) or change.get("to") in trigger.not_to:
        return f"→ {_value(change.get('to'))}"
    if trigger.from_values is not None or trigger.not_from:
        return f"from {_value(change.get('from'))}"
    return this_was(seen)


def _reaches(trigger: Trigger, change: Mapping[str, Any]) -> bool:
    return trigger.to_values is None or change.get("to") in trigger.to_values


def _values(values: Sequence[object]) -> str:
    return " or ".join(_value(value) for value in values)


def _value(value: object) -> str:
    return "empty" if value is None or value == "" else str(value)


def _span(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
