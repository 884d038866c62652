"""The wrapper round CEL, broken on purpose, line by line: each break lets a condition read as true
or as false that cannot be said, so that the tests of the wrapper do not pass for nothing."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from rules.engine import RuleError, evaluate
from tests.rules.texts import rule

SIXTY: Mapping[str, object] = {"item": {"n": list(range(60))}}
ZERO: Mapping[str, object] = {"item": {"n": 0}}
LOOPS = "".join(f"item.n.all({name}, " for name in "abcde") + "a >= 0" + ")" * 5
MUTANTS = [
    ("expr", "raise RuleError(_said(str(result.value())))", "return False", "1 / item.n > 0", ZERO),
    ("expr", "raise RuleError(_said(str(result.value())))", "return True", "1 / item.n > 0", ZERO),
    ("expr", "raise RuleError(_said(str(error)) or type(error).__name__) from error",
     "return False", LOOPS, SIXTY),
    ("expr", 'raise RuleError(f"{loop.text}() is not allowed")', "pass",
     "item.n.map(a, a).size() > 1", SIXTY),
    ("expr", "if len(text) > MAX_TEXT:", "if False:", f"item.n != '{'x' * 1000}'", SIXTY),
    ("evaluate", "if type(result) is not bool:", "if False:", "item.n", {"item": {"n": "true"}}),
    ("evaluate", "raise _at(error, subject) from error", "return False", "item.n > 1",
     {"item": {"n": None}}),
]  # fmt: skip


def _broken(name: str, old: str, new: str) -> ModuleType:
    """A module of the engine with one line of it changed."""
    whole = import_module(f"rules.engine.{name}")
    source = Path(str(whole.__file__)).read_text()
    assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {name}"
    made = ModuleType(whole.__name__)
    exec(compile(source.replace(old, new), str(whole.__file__), "exec"), made.__dict__)  # noqa: S102
    return made


@pytest.mark.parametrize(("name", "old", "new", "text", "facts"), MUTANTS)
def test_a_broken_wrapper_is_found_out(
    name: str,
    old: str,
    new: str,
    text: str,
    facts: Mapping[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subject = replace(rule("{ created: item, list: Deals }"), condition=text)
    with pytest.raises(RuleError):
        evaluate.holds(subject, facts)
    broken = _broken(name, old, new)
    if name == "expr":
        monkeypatch.setattr(evaluate, "program", broken.program)
        broken = evaluate
    assert broken.holds(subject, facts) is not None
