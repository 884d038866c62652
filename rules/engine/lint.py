"""Rules against what the organization has: every finding, with its place, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from rules.engine.lint_actions import check_steps
from rules.engine.lint_expressions import Place, check_condition
from rules.engine.lint_set import check_set
from rules.engine.lint_tests import check_tests
from rules.engine.lint_triggers import check_triggers
from rules.engine.model import Finding, Rule, Verb
from rules.engine.schemas import Schemas
from rules.engine.scope import scope_of
from rules.engine.talk import Talk

Format = Literal["text", "json", "github"]


def check_rules(
    told: Sequence[tuple[Rule, Talk]], verbs: Mapping[str, Verb], schemas: Schemas | None
) -> None:
    """All checks beyond the grammar; findings go to each rule's talk."""
    for rule, talk in told:
        if schemas is not None:
            check_triggers(rule, schemas, talk)
        if rule.condition is not None:
            check_condition(rule.condition, scope_of(rule, schemas), Place(talk, "if"))
        check_steps(rule, verbs, schemas, talk)
        check_tests(rule, talk)
    check_set(told)


def report(findings: Iterable[Finding], texts: Mapping[str, str], format: Format = "text") -> str:
    """The findings for a person, a program or GitHub's annotations; empty where there are none."""
    ordered = sorted(findings, key=lambda one: (one.path, one.line, one.column, one.code))
    if format == "json":
        return json.dumps([_plain(one) for one in ordered], ensure_ascii=False, indent=2) + "\n"
    shown = [_github(one) if format == "github" else _text(one, texts) for one in ordered]
    return "".join(shown)


def failed(findings: Iterable[Finding], *, strict: bool = False) -> bool:
    """Whether lint ends with status 1: errors, and warnings where they count."""
    return any(strict or one.severity == "error" for one in findings)


def _text(one: Finding, texts: Mapping[str, str]) -> str:
    said = f"{one.path}:{one.line}:{one.column}: {one.severity}[{one.code}] {one.message}\n"
    lines = texts.get(one.path, "").split("\n")
    if 0 < one.line <= len(lines):
        source = lines[one.line - 1].rstrip("\r")
        said += f"{one.line:5d} | {source}\n"
        said += f"      | {' ' * (one.column - 1)}{'^' * max(one.length, 1)}\n"
    return said + (f"      = help: {one.help}\n" if one.help else "")


def _github(one: Finding) -> str:
    message = f"{one.message}. {one.help}" if one.help else one.message
    for sign, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        message = message.replace(sign, code)
    end = one.column + max(one.length, 1) - 1
    place = f"file={one.path},line={one.line},col={one.column},endColumn={end}"
    return f"::{one.severity} {place},title={one.code}::{message}\n"


def _plain(one: Finding) -> dict[str, object]:
    return {
        "code": one.code,
        "severity": one.severity,
        "path": one.path,
        "line": one.line,
        "column": one.column,
        "length": one.length,
        "message": one.message,
        "help": one.help,
    }
