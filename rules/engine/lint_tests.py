"""R5xx: the shape of `tests:` blocks; a rule without any is a warning."""

from __future__ import annotations

from collections.abc import Mapping

from rules.engine.durations import parse_duration
from rules.engine.model import Rule
from rules.engine.talk import Talk, did_you_mean

TEST_KEYS = ("name", "given", "stub", "expect", "ends", "notified", "after", "stays", "settings",
             "timezone", "now")  # fmt: skip
GIVEN_KEYS: Mapping[str, tuple[str, ...]] = {
    "changed": ("changed", "list", "from", "to", "item", "account", "contact", "at"),
    "created": ("created", "list", "item", "account", "contact", "at"),
    "received": ("received", "source", "data", "body", "at"),
    "scheduled": ("scheduled", "list", "item", "account", "contact", "at"),
}
EXPECT_KEYS = ("use", "with", "failed", "connection")
ENDS = ("waiting", "running", "held", "succeeded", "failed", "filtered", "skipped", "cancelled")


def check_tests(rule: Rule, talk: Talk) -> None:
    if not rule.data.get("tests"):
        talk.say("R500", "id", f"rule '{rule.id}' has no tests", severity="warning")
    steps = {step.id for step in (*rule.do, *rule.on_failure)}
    for index, test in enumerate(rule.tests):
        place = f"tests[{index}]"
        _keys(test, TEST_KEYS, place, talk)
        _given(test.get("given"), f"{place}.given", talk)
        _stubs(test.get("stub"), steps, f"{place}.stub", talk)
        _expected(test.get("expect"), f"{place}.expect", talk)
        _rest(test, place, talk)


def _keys(data: Mapping[str, object], known: tuple[str, ...], place: str, talk: Talk) -> None:
    for key in data:
        if key not in known:
            talk.say("R502", f"{place}.{key}", f"a test has no '{key}' here",
                     did_you_mean(key, known, "known"), key=True)  # fmt: skip


def _given(given: object, place: str, talk: Talk) -> None:
    kinds = [kind for kind in GIVEN_KEYS if isinstance(given, Mapping) and kind in given]
    if not isinstance(given, Mapping) or len(kinds) != 1:
        talk.say("R503", place, f"'given' is a trigger with its values: {', '.join(GIVEN_KEYS)}")
        return
    _keys(given, GIVEN_KEYS[kinds[0]], place, talk)


def _stubs(stub: object, steps: set[str], place: str, talk: Talk) -> None:
    if stub is None:
        return
    if not isinstance(stub, Mapping):
        talk.say("R504", place, "'stub' maps steps to {output} or {error}")
        return
    for name, value in stub.items():
        if name not in steps:
            talk.say("R504", f"{place}.{name}", f"there is no step '{name}'",
                     did_you_mean(name, steps, "steps"), key=True)  # fmt: skip
        elif not isinstance(value, Mapping) or not value.keys() <= {"output", "error"}:
            talk.say("R504", f"{place}.{name}", "a stub is {output} or {error}")


def _expected(expect: object, place: str, talk: Talk) -> None:
    if not isinstance(expect, list):
        talk.say("R505", place, "'expect' is a list of actions; [] for none")
        return
    for index, action in enumerate(expect):
        inner = f"{place}[{index}]"
        if not isinstance(action, Mapping) or not isinstance(action.get("use"), str):
            talk.say("R505", inner, "an expected action has 'use'")
        else:
            _keys(action, EXPECT_KEYS, inner, talk)


def _rest(test: Mapping[str, object], place: str, talk: Talk) -> None:
    if not isinstance(test.get("name"), str):
        talk.say("R506", place, "a test needs a name")
    if test.get("ends") is not None and test["ends"] not in ENDS:
        talk.say("R506", f"{place}.ends", f"no run ends '{test['ends']}'",
                 did_you_mean(str(test["ends"]), ENDS, "ends"))  # fmt: skip
    if test.get("after") is not None and parse_duration(test["after"]) is None:
        talk.say("R506", f"{place}.after", f"'{test['after']}' is no length of time")
