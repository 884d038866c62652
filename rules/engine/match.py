"""The index: an event or a transition → the rules that can match it, by look-ups alone, so that ten
thousand rules cost what ten do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal

from rules.engine.model import Match, Rule, Trigger
from rules.engine.version import set_hash

_ANY = object()
_Bucket = dict[object, list[Match]]


class RuleSet:
    """An immutable set of rules under its hash. Disabled rules are kept and match nothing."""

    def __init__(self, rules: Iterable[Rule], hash: str | None = None) -> None:
        self.rules = tuple(rules)
        self.hash = hash or set_hash(self.rules)
        self.by_id: Mapping[str, Rule] = {rule.id: rule for rule in self.rules}
        self._received: dict[tuple[str, str], list[Match]] = {}
        self._globs: dict[tuple[str, str], list[Match]] = {}
        self._changed: dict[tuple[str, str], _Bucket] = {}
        self._created: dict[tuple[str, str | None], list[Match]] = {}
        self._held: dict[str, list[Match]] = {}
        scheduled: list[Match] = []
        for rule in self.rules:
            if rule.enabled:
                scheduled += self._index(rule)
        self.scheduled = tuple(scheduled)

    def _index(self, rule: Rule) -> Iterator[Match]:
        """Puts the rule where events find it; gives its triggers that the clock fires."""
        for number, trigger in enumerate(rule.when):
            match = Match(rule, number)
            if trigger.kind == "received":
                self._index_received(trigger, match)
            elif trigger.kind == "changed":
                self._index_changed(trigger, match)
            elif trigger.kind == "created":
                self._created.setdefault((trigger.subject, trigger.list), []).append(match)
            else:
                yield match

    def _index_received(self, trigger: Trigger, match: Match) -> None:
        source = trigger.source or ""
        if trigger.subject.endswith("*"):
            stem = trigger.subject.removesuffix("*").removesuffix(".")
            self._globs.setdefault((source, stem), []).append(match)
        else:
            self._received.setdefault((source, trigger.subject), []).append(match)

    def _index_changed(self, trigger: Trigger, match: Match) -> None:
        if trigger.held_for is not None:
            self._held.setdefault(trigger.list or "", []).append(match)
        bucket = self._changed.setdefault((trigger.list or "", trigger.subject), {})
        if trigger.to_values is None:
            bucket.setdefault(_ANY, []).append(match)
        for value in dict.fromkeys(_key(value) for value in trigger.to_values or ()):
            bucket.setdefault(value, []).append(match)

    def received(self, type: str, source: str) -> list[Match]:
        """Rules for an event of this type on that source, in file order; one match a rule."""
        found = list(self._received.get((source, type), ()))
        if self._globs:
            stems = type.split(".")
            for size in range(len(stems)):
                found += self._globs.get((source, ".".join(stems[:size])), ())
        return _one_each(found)

    def changed(
        self, list_title: str, field_slug: str, from_value: object, to_value: object
    ) -> list[Match]:
        """Rules that a field's change from one display value to another can fire at once; those
        with `for` are in `stays`."""
        found = self.transition(list_title, field_slug, from_value, to_value)
        return _one_each(match for match in found if _trigger(match).held_for is None)

    def stays(
        self, list_title: str, field_slug: str, from_value: object, to_value: object
    ) -> list[Match]:
        """Rules with `for` whose stay begins with this change: not one that goes from one of a
        trigger's values to another, for there the stay goes on."""
        found = self.transition(list_title, field_slug, from_value, to_value)
        return _one_each(match for match in found if begins_stay(_trigger(match), from_value))

    def stays_of_new(self, list_title: str, values: Mapping[str, object]) -> list[Match]:
        """Rules with `for` whose stay begins with an item that enters the list with these values
        (by field): it holds them from then on, without having changed."""
        return _one_each(
            match
            for match in self._held.get(list_title, ())
            if holds_value(trigger := _trigger(match), values.get(trigger.subject))
            and _admits(trigger, None, values.get(trigger.subject))
        )

    def waits_on(self, list_title: str) -> bool:
        """Whether any rule with `for` looks at that list."""
        return list_title in self._held

    def transition(
        self, list_title: str, field_slug: str, from_value: object, to_value: object
    ) -> list[Match]:
        """Every match of a change, those with `for` included."""
        bucket = self._changed.get((list_title, field_slug))
        if not bucket:
            return []
        found = [*bucket.get(_key(to_value), ()), *bucket.get(_ANY, ())]
        return [match for match in found if _admits(_trigger(match), from_value, to_value)]

    def created(self, kind: str, list_title: str | None = None) -> list[Match]:
        """Rules for a new item, contact or account."""
        found = list(self._created.get((kind, list_title), ()))
        if list_title is not None:
            found += self._created.get((kind, None), ())
        return _one_each(found)

    def watches(self, list_title: str, field_slug: str) -> bool:
        """Whether any rule looks at changes of that field."""
        return (list_title, field_slug) in self._changed

    def watchers(self, list_title: str, field_slug: str) -> list[Match]:
        """All that look at changes of that field, whatever its values."""
        bucket = self._changed.get((list_title, field_slug), {})
        return [match for found in bucket.values() for match in found]


def holds_value(trigger: Trigger, value: object) -> bool:
    """Whether a stay of a `changed … for` trigger goes on with this value; else it has ended, and
    its deadline with it."""
    becomes = _key(value)
    return becomes in map(_key, trigger.to_values or ()) and becomes not in map(
        _key, trigger.not_to
    )


def begins_stay(trigger: Trigger, from_value: object) -> bool:
    """Whether a change that the trigger admits begins a stay: it has `for`, and the value before
    was not held already."""
    return trigger.held_for is not None and not holds_value(trigger, from_value)


def _trigger(match: Match) -> Trigger:
    return match.rule.when[match.trigger]


def _admits(trigger: Trigger, from_value: object, to_value: object) -> bool:
    was, becomes = _key(from_value), _key(to_value)
    if trigger.from_values is not None and was not in map(_key, trigger.from_values):
        return False
    if trigger.not_from and was in map(_key, trigger.not_from):
        return False
    return not (trigger.not_to and becomes in map(_key, trigger.not_to))


def _key(value: object) -> object:
    """Display values compare as what they are: true is not 1, empty text and null are empty."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return ("flag", value)
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, date):
        return value.isoformat()
    return tuple(map(_key, value)) if isinstance(value, list | tuple) else value


def _one_each(found: Iterable[Match]) -> list[Match]:
    """One match for each rule, by its first trigger that fits."""
    first: dict[str, Match] = {}
    for match in found:
        other = first.get(match.rule.id)
        if other is None or match.trigger < other.trigger:
            first[match.rule.id] = match
    return list(first.values())
