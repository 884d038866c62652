"""Hostile expressions end within the time and the memory a worker has, and have an honest value or
none: an engine's error is never true and never false."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cel_expr_python import cel

from rules.engine import RuleError, expr, holds
from rules.engine.expr import Program, program
from tests.rules.hostile import EXPRESSIONS
from tests.rules.texts import POST, codes, condition, file_of, findings, rule

SECONDS, MEGABYTES = 1.0, 100.0


@pytest.fixture(scope="module")
def outcomes() -> Mapping[str, Mapping[str, Any]]:
    """What became of each, in a process whose memory is limited."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.rules.hostile"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("loops in loops", "refused: Iteration budget exceeded"),
        ("a regex that goes back", "True"),
        ("a regex of repeats", "refused: invalid regular expression"),
        ("text doubled by map", "refused: map() is not allowed"),
        ("text doubled in text", "refused: the expression is nested too deeply"),
        ("a list built in a loop", "refused: filter() is not allowed"),
        ("three thousand brackets", "refused: an expression has at most 1000 characters"),
        ("brackets within the length", "refused: the expression is nested too deeply"),
        ("many a not", "True"),
        ("lists in lists", "refused: the expression is nested too deeply"),
        ("choices in choices", "refused: an expression has at most 1000 characters"),
        ("180 kB of text", "refused: an expression has at most 1000 characters"),
        ("more names than may be", "refused: an expression reads at most 64 names"),
        ("a number too large", "refused: invalid int literal"),
        ("division by zero", "refused: divide by zero"),
        ("an overflow", "refused: integer overflow"),
        ("an ordering on null", "refused: > does not take (null, int)"),
        ("a string without an end", "refused: Syntax error"),
        ("nothing", "refused: Syntax error"),
        ("a null byte", "refused: a text with the character U+0000"),
    ],
)
def test_a_hostile_expression_ends_soon_with_an_honest_answer(
    name: str, outcome: str, outcomes: Mapping[str, Mapping[str, Any]]
) -> None:
    found = outcomes[name]
    assert found["outcome"].startswith(outcome)
    assert found["seconds"] < SECONDS
    assert found["megabytes"] < MEGABYTES


def test_every_hostile_expression_has_its_outcome_told(
    outcomes: Mapping[str, Mapping[str, Any]],
) -> None:
    assert set(outcomes) == set(EXPRESSIONS)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("item.emails.map(e, e + e).size() > 0", "R204"),
        ("item.emails.filter(e, e != '').size() > 0", "R204"),
        ("item.emails.exists_one(e, e == '')", "R204"),
        ("item.name == '" + "x" * 1000 + "'", "R206"),
        ("(" * 40 + "true" + ")" * 40, "R200"),
        ("item.name.matches('(')", None),
    ],
)
def test_the_lint_tells_what_it_can_of_them_before_they_run(text: str, code: str | None) -> None:
    found = [one for one in codes(condition(text)) if one != "R500"]
    assert found == ([code] if code else [])


@pytest.mark.parametrize(
    "line",
    [
        "if: 'true" + '"""' * 100_000 + "'",
        "name: a\n    once: '" + "x" * 300_000 + "'",
        "when: { changed: status, list: Deals, to: '" + "x" * 300_000 + "' }",
        "do: [{ use: stop, with: { reason: '${" + '"""' * 100_000 + "' } }]",
        "do: [{ use: stop, with: { reason: '" + "${a}" * 20_000 + "' } }]",
        "do: [{ use: stop, with: { reason: '" + "$" * 300_000 + "{' } }]",
        "name: {" + "a, " * 3_000 + "}",
    ],
    ids=["quotes", "once", "option", "open blank", "many blanks", "dollars", "twice"],
)
def test_a_long_text_anywhere_costs_the_lint_little(line: str) -> None:
    began = time.process_time()
    text = file_of(f"id: a-rule\n{line}\n{POST if 'do:' not in line else ''}")
    found = findings(text)
    assert time.process_time() - began < 10
    assert found
    assert all(len(one.message) < 400 for one in found)


# --- the wrapper --------------------------------------------------------------------------------


class Answer(SimpleNamespace):
    """What the library might give back for a condition."""

    def type(self) -> object:
        return self.kind

    def value(self) -> object:
        return self.said

    def plain_value(self) -> object:
        return self.said


def _raises(error: Exception) -> Any:
    def evaluate(data: object) -> object:
        del data
        raise error

    return SimpleNamespace(eval=evaluate)


def _gives(kind: object, said: object) -> Any:
    return SimpleNamespace(eval=lambda data: Answer(kind=kind, said=said))


BROKEN = {
    "an error as a value": _gives(cel.Type.ERROR, "INTERNAL: it broke"),
    "an error that looks true": _gives(cel.Type.ERROR, True),
    "an error that looks false": _gives(cel.Type.ERROR, False),
    "an unknown that looks true": _gives(cel.Type.UNKNOWN, True),
    "a raised RuntimeError": _raises(RuntimeError("INTERNAL: Iteration budget exceeded")),
    "a raised MemoryError": _raises(MemoryError()),
    "a raised ValueError": _raises(ValueError("no")),
    "a number": _gives(cel.Type.INT, 1),
    "zero": _gives(cel.Type.INT, 0),
    "null": _gives(cel.Type.NULL, None),
    "text": _gives(cel.Type.STRING, "true"),
    "an empty text": _gives(cel.Type.STRING, ""),
    "a list": _gives(cel.Type.DYN, []),
    "a length of time": _gives(cel.Type.DURATION, timedelta(0)),
    "something else": _gives(cel.Type.DYN, object()),
}


@pytest.mark.parametrize("name", BROKEN)
def test_whatever_the_engine_does_in_place_of_an_answer_the_condition_fails(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library is put aside, and something that is no answer takes its place."""
    subject = rule("{ created: contact }", f"if: contact.name == 'a'\n{POST}")
    broken = Program("contact.name == 'a'")
    broken._forms.update(dict.fromkeys(broken._forms, BROKEN[name]))
    monkeypatch.setattr("rules.engine.evaluate.program", lambda text: broken)
    with pytest.raises(RuleError):
        holds(subject, {"contact": {"name": "a"}})


@pytest.mark.parametrize("answer", [True, False])
def test_the_same_wrapper_lets_a_true_and_a_false_through(
    answer: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = rule("{ created: contact }", f"if: contact.name == 'a'\n{POST}")
    honest = Program("contact.name == 'a'")
    honest._forms.update({key: _gives(cel.Type.BOOL, answer) for key in honest._forms})
    monkeypatch.setattr("rules.engine.evaluate.program", lambda text: honest)
    assert holds(subject, {"contact": {"name": "a"}}) is answer


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("item.amount > 1", {"amount": None}),
        ("!(item.amount > 1)", {"amount": None}),
        ("item.amount > 1", {"amount": "2"}),
        ("item.amount > 1 && true", {"amount": None}),
        ("item.amount > 1 || false", {"amount": None}),
        ("item.amount > 1 ? true : false", {"amount": None}),
        ("item.gone == 'a'", {}),
        ("date(item.amount) == ''", {"amount": None}),
        ("date(item.amount) == ''", {"amount": "yesterday"}),
        ("item.amount", {"amount": 1}),
        ("item.amount == 'a'", {"amount": "a\x00b"}),
        ("'a' in item.amount", {"amount": ["a\x00b"]}),
    ],
)
def test_a_condition_that_cannot_be_evaluated_is_an_error_in_every_form(
    text: str, item: Mapping[str, object]
) -> None:
    subject = rule("{ created: item, list: Deals }", f"if: {json.dumps(text)}\n{POST}")
    with pytest.raises(RuleError) as told:
        holds(subject, {"item": item})
    assert told.value.line == 5


def test_what_absorbs_an_error_is_decided_as_cel_defines() -> None:
    facts = {"item": {"amount": None}}
    assert program("item.amount > 1 || true").run(facts) is True
    assert program("item.amount > 1 && false").run(facts) is False


def test_the_one_door_is_the_only_importer_of_the_library() -> None:
    root = Path(expr.__file__).parents[2]
    importers = [
        path.relative_to(root).as_posix()
        for folder in ("rules", "relay", "workers")
        for path in (root / folder).rglob("*.py")
        if "cel_expr_python" in path.read_text()
    ]
    assert importers == ["rules/engine/expr.py"]
