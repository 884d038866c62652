"""Runs the `tests:` blocks of rules. No network: every verb is its schema's check and a stub."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

from rules.engine.case_facts import facts_for
from rules.engine.compare import Action, difference
from rules.engine.durations import parse_duration
from rules.engine.lint_tests import GIVEN_KEYS
from rules.engine.match import RuleSet
from rules.engine.model import Match, Rule, Trigger, Verb
from rules.engine.schedule import next_time
from rules.engine.simulate import Simulated, simulate
from rules.engine.verbs import CRM_VERBS

NOT_FIRED = "not fired"
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Result:
    """One test. `diff` says what differs; `ends` is `not fired` where no trigger matched."""

    rule: str
    name: str
    passed: bool
    ends: str
    diff: str = ""
    actions: tuple[Action, ...] = ()
    reached: frozenset[str] = field(default_factory=frozenset)

    @property
    def title(self) -> str:
        return f"{self.rule}: {self.name}"


def run(
    rules: Iterable[Rule],
    *,
    verbs: Mapping[str, Verb] | None = None,
    only: str | None = None,
) -> list[Result]:
    """Every test of the rules in order; `only` picks those whose title has that text. `verbs` are
    the connectors' with the CRM's."""
    known = {**CRM_VERBS, **(verbs or {})}
    wanted = (only or "").casefold()
    return [
        _run(rule, test, known)
        for rule in rules
        for test in rule.tests
        if wanted in f"{rule.id}: {test.get('name', '')}".casefold()
    ]


def _run(rule: Rule, test: Mapping[str, object], verbs: Mapping[str, Verb]) -> Result:
    given = test.get("given")
    kind = next((k for k in GIVEN_KEYS if isinstance(given, Mapping) and k in given), None)
    name = str(test.get("name", ""))
    if not isinstance(given, Mapping) or kind is None:
        return Result(rule.id, name, passed=False, ends=NOT_FIRED, diff="'given' is no trigger")
    try:
        facts = facts_for(rule, test, given, kind)
    except ValueError as error:
        return Result(rule.id, name, passed=False, ends=NOT_FIRED, diff=str(error))
    trigger = _fired(rule, test, given, (kind, facts))
    if trigger is None:
        return _judged(rule, test, Simulated(ends=NOT_FIRED))
    event = facts["event"]
    if isinstance(event, dict):
        event["trigger"], event["list"] = trigger, rule.when[trigger].list
    stubs = test.get("stub")
    done = simulate(rule, facts, verbs, stubs if isinstance(stubs, Mapping) else {})
    done.reached.add(f"when[{trigger}]")
    return _judged(rule, test, done)


def _judged(rule: Rule, test: Mapping[str, object], done: Simulated) -> Result:
    expected = test.get("expect")
    wanted = (
        [one for one in expected if isinstance(one, Mapping)] if isinstance(expected, list) else []
    )
    said = [difference(wanted, done.actions)]
    ends = test.get("ends")
    quiet = ends is None and not wanted and done.ends == NOT_FIRED
    if not quiet and (ends or "succeeded") != done.ends:
        reason = f" ({done.error})" if done.error else ""
        said.append(f"- ends: {ends or 'succeeded'}\n+ ends: {done.ends}{reason}")
    notified = test.get("notified")
    if isinstance(notified, list) and tuple(notified) != done.notified:
        said.append(f"- notified: {notified}\n+ notified: {list(done.notified)}")
    diff = "\n".join(part for part in said if part)
    return Result(
        rule=rule.id,
        name=str(test.get("name", "")),
        passed=not diff,
        ends=done.ends,
        diff=diff,
        actions=tuple(done.actions),
        reached=frozenset(done.reached),
    )


# --- which trigger fires ------------------------------------------------------------------------


def _fired(
    rule: Rule,
    test: Mapping[str, object],
    given: Mapping[str, object],
    state: tuple[str, Mapping[str, object]],
) -> int | None:
    kind, facts = state
    index = RuleSet([rule])
    lists: Sequence[str | None] = [_text(given, "list")] if "list" in given else _lists(rule)
    for title in lists:
        found = _matches(index, given, kind, title)
        if kind == "changed" and not found:
            found = [
                match
                for match in index.stays(title or "", str(given[kind]), given.get("from"),
                                         given.get("to"))
                if _held(rule.when[match.trigger], test)
            ]  # fmt: skip
        if kind == "scheduled":
            found = [m for m in index.scheduled if _is_time(rule.when[m.trigger], facts)]
        if found:
            return found[0].trigger
    return None


def _matches(
    index: RuleSet, given: Mapping[str, object], kind: str, title: str | None
) -> list[Match]:
    if kind == "changed":
        return index.changed(title or "", str(given[kind]), given.get("from"), given.get("to"))
    if kind == "created":
        return index.created(str(given[kind]), title)
    if kind == "received":
        return index.received(str(given[kind]), str(given.get("source", "")))
    return []


def _lists(rule: Rule) -> list[str | None]:
    return list(dict.fromkeys(trigger.list for trigger in rule.when))


def _text(given: Mapping[str, object], key: str) -> str | None:
    value = given.get(key)
    return None if value is None else str(value)


def _held(trigger: Trigger, test: Mapping[str, object]) -> bool:
    """`after` lets a `for` come due; `stays: false` says that the item left before."""
    passed = parse_duration(test.get("after"))
    due = trigger.held_for is not None and passed is not None and passed >= trigger.held_for
    return due and test.get("stays", True) is not False


def _is_time(trigger: Trigger, facts: Mapping[str, object]) -> bool:
    event = facts["event"]
    at = event["at"] if isinstance(event, Mapping) else None
    if trigger.every is not None or not isinstance(at, datetime):
        return True
    return next_time(trigger, at - timedelta(seconds=1), str(facts["timezone"])) == at


# --- coverage and reports -----------------------------------------------------------------------


def unreached(rules: Iterable[Rule], results: Iterable[Result]) -> dict[str, list[str]]:
    """By rule, the triggers, conditions and steps that no test reached."""
    reached: dict[str, set[str]] = {}
    for result in results:
        reached.setdefault(result.rule, set()).update(result.reached)
    missing = {}
    for rule in rules:
        places = [f"when[{number}]" for number in range(len(rule.when))]
        places += ["if"] if rule.condition is not None else []
        for step in (*rule.do, *rule.on_failure):
            places += [f"{step.place}.if"] if step.condition is not None else []
            places.append(step.place)
        left = [place for place in places if place not in reached.get(rule.id, ())]
        if left:
            missing[rule.id] = left
    return missing


def junit(results: Sequence[Result]) -> str:
    """The results as JUnit XML."""
    failed = sum(not result.passed for result in results)
    cases = "".join(_case(result) for result in results)
    head = f'<testsuite name="rules" tests="{len(results)}" failures="{failed}">'
    return f'<?xml version="1.0" encoding="utf-8"?>\n{head}\n{cases}</testsuite>\n'


def _case(result: Result) -> str:
    name = f"  <testcase classname={quoteattr(result.rule)} name={quoteattr(_xml(result.name))}"
    if result.passed:
        return f"{name}/>\n"
    diff = _xml(result.diff)
    told = f"<failure message={quoteattr(diff.splitlines()[0])}>{escape(diff)}</failure>"
    return f"{name}>{told}</testcase>\n"


def _xml(text: str) -> str:
    """XML has no place for control characters, however they are written."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
