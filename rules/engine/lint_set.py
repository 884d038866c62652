"""R4xx: what rules do to one another: one id twice, one field written twice, cycles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rules.engine.lint_actions import list_written
from rules.engine.match import RuleSet
from rules.engine.model import Rule, Trigger
from rules.engine.talk import Talk

_WRITERS = frozenset({"crm.update_item", "crm.create_item"})
Written = tuple[str, str, object, str]
Told = Sequence[tuple[Rule, Talk]]


def check_set(told: Told) -> None:
    _ids(told)
    live = [(rule, talk) for rule, talk in told if rule.enabled]
    written = {id(rule): list(_written(rule)) for rule, _ in live}
    _same_field(live, written)
    _cycles(live, written)


def _ids(told: Told) -> None:
    seen: dict[str, Rule] = {}
    for rule, talk in told:
        first = seen.setdefault(rule.id, rule)
        if first is not rule and rule.id:
            talk.say("R401", "id", f"the id '{rule.id}' is taken by {first.path}:{first.line}",
                     "an id names one rule for ever")  # fmt: skip


def _written(rule: Rule) -> Iterator[Written]:
    """List, field, value and place of every field that a rule writes."""
    for step in rule.do:
        fields = step.params.get("fields")
        title = list_written(step, rule) if step.use in _WRITERS else None
        if title is not None and isinstance(fields, Mapping):
            for slug, value in fields.items():
                yield title, slug, value, f"{step.place}.with.fields.{slug}"


def _same_field(live: Told, written: Mapping[int, Sequence[Written]]) -> None:
    """R402: two rules that one change can fire, writing the same field. By look-ups, for a set may
    hold ten thousand that write one."""
    first: dict[tuple[object, ...], Rule] = {}
    for rule, talk in live:
        asked = [key for trigger in rule.when for key in _asked(trigger)]
        kept = [key for trigger in rule.when for key in _kept(trigger)]
        for title, slug, _, place in written[id(rule)]:
            found = (first.get((title, slug, *key)) for key in asked)
            other = next((one for one in found if one is not None and one is not rule), None)
            if other is not None:
                talk.say("R402", place, f"'{other.id}' writes '{slug}' of '{title}' too",
                         "rules are independent: which comes last is not said",
                         severity="warning", key=True)  # fmt: skip
            for key in kept:
                first.setdefault((title, slug, *key), rule)


_ANY = object()


def _group(trigger: Trigger) -> tuple[object, ...]:
    return trigger.kind, trigger.list, trigger.source, trigger.subject


def _kept(trigger: Trigger) -> Iterator[tuple[object, ...]]:
    """Under what a trigger is found: by what it waits for, and by the values it waits for."""
    if trigger.kind != "scheduled":
        yield _group(trigger)
        for value in trigger.to_values or (_ANY,):
            yield (*_group(trigger), value)


def _asked(trigger: Trigger) -> Iterator[tuple[object, ...]]:
    """Under what those are found that one change can fire with it."""
    if trigger.kind != "scheduled":
        if trigger.to_values is None:
            yield _group(trigger)
        for value in (*(trigger.to_values or ()), _ANY):
            yield (*_group(trigger), value)


def _cycles(live: Told, written: Mapping[int, Sequence[Written]]) -> None:
    """R403: rules whose writes fire one another in a circle; each circle is told once."""
    index = RuleSet(rule for rule, _ in live)
    follows = {
        rule.id: sorted({next_id for one in written[id(rule)] for next_id in _fired(index, one)}
                        - {rule.id})
        for rule, _ in live
    }  # fmt: skip
    talks = {rule.id: talk for rule, talk in live}
    told: set[frozenset[str]] = set()
    for start in follows:
        circle = _circle(start, follows)
        if circle and frozenset(circle) not in told:
            told.add(frozenset(circle))
            talks[start].say("R403", "when", f"a cycle of rules: {' → '.join([*circle, start])}",
                             "a chain of rules stops after 5", severity="warning")  # fmt: skip


def _fired(index: RuleSet, written: Written) -> list[str]:
    title, slug, value, _ = written
    unknown = isinstance(value, str) and "${" in value
    return [
        match.rule.id
        for match in (index.watchers(title, slug) if unknown
                      else index.transition(title, slug, object(), value))
    ]  # fmt: skip


def _circle(start: str, follows: Mapping[str, Sequence[str]]) -> list[str] | None:
    """The shortest way from a rule back to itself."""
    ways = [[start]]
    seen = {start}
    while ways:
        way = ways.pop(0)
        for name in follows.get(way[-1], ()):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None
