"""A rule from plain values, for programs that make rules: a source's field mapping is one."""

from __future__ import annotations

from collections.abc import Mapping

from rules.engine.errors import RuleError
from rules.engine.expr import program
from rules.engine.grammar import read_rule
from rules.engine.marks import Marks
from rules.engine.model import Rule, Step, Verb
from rules.engine.templates import compile_value


def compile_rule(data: Mapping[str, object], *, verbs: Mapping[str, Verb], place: str) -> Rule:
    """The rule of `data`, by the grammar of a file's rule. Raises RuleError at the first fault,
    its place below `place`."""
    rule, problems = read_rule(data, place, Marks(), {})
    for problem in problems:
        raise RuleError(problem.message, place=problem.place, path=place)
    _compile_conditions(rule, place)
    for step in (*rule.do, *rule.on_failure):
        _check_step(step, verbs, place)
        _compile_params(step, place)
    return rule


def _compile_conditions(rule: Rule, place: str) -> None:
    steps = (*rule.do, *rule.on_failure)
    for prefix, text in (("", rule.condition), *((f"{s.place}.", s.condition) for s in steps)):
        if text is not None:
            try:
                program(text)
            except RuleError as error:
                raise RuleError(error.message, place=f"{prefix}if", path=place) from error


def _compile_params(step: Step, place: str) -> None:
    try:
        compile_value(step.params, "with")
    except RuleError as error:
        raise RuleError(error.message, place=f"{step.place}.{error.place}", path=place) from error


def _check_step(step: Step, verbs: Mapping[str, Verb], place: str) -> None:
    verb = verbs.get(step.use)
    if verb is None:
        raise RuleError(f"there is no verb '{step.use}'", place=f"{step.place}.use", path=place)
    known = {param.name for param in verb.params}
    for name in step.params:
        if name not in known:
            message = f"{verb.name} has no parameter '{name}'"
            raise RuleError(message, place=f"{step.place}.with.{name}", path=place)
    for param in verb.params:
        if param.required and param.name not in step.params:
            message = f"{verb.name} needs '{param.name}'"
            raise RuleError(message, place=f"{step.place}.with", path=place)
