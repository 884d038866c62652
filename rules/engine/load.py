"""Texts → rules. Everything is read and everything that is wrong is told, not the first alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rules.engine.document import Document, read
from rules.engine.grammar import DEFAULT_KEYS, FILE_KEYS, read_rule
from rules.engine.lint import check_rules
from rules.engine.marks import Marks
from rules.engine.model import Finding, Rule, Verb
from rules.engine.schemas import Schemas
from rules.engine.talk import Talk, did_you_mean

VERSION = 1
_RULE = re.compile(r"rules\[\d+\]")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a set of files holds. `rules` are those whose grammar is sound; only an `ok` set may
    go live."""

    rules: tuple[Rule, ...]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not any(finding.severity == "error" for finding in self.findings)


def load(texts: Mapping[str, str], *, verbs: Mapping[str, Verb], schemas: Schemas | None) -> Loaded:
    """The rules of these files (text by path), checked against verbs and, where given, against
    what the organization has."""
    told: list[tuple[Rule, Talk]] = []
    findings: list[Finding] = []
    sound: list[Rule] = []
    for path in sorted(texts):
        document = read(texts[path], path)
        top = Talk(document, "")
        findings += document.findings
        marks = _marks(document)
        for place, data, defaults in _rules(document, top):
            talk = Talk(document, place)
            rule, problems = read_rule(data, path, marks[place], defaults)
            for problem in problems:
                talk.say(
                    problem.code, problem.place, problem.message, problem.help, key=problem.key
                )
            told.append((rule, talk))
            if not problems:
                sound.append(rule)
        findings += top.findings
    check_rules(told, verbs, schemas)
    findings += [finding for _, talk in told for finding in talk.findings]
    return Loaded(tuple(sound), tuple(sorted(dict.fromkeys(findings), key=_order)))


def _order(finding: Finding) -> tuple[str, int, int, str]:
    return finding.path, finding.line, finding.column, finding.code


def _rules(
    document: Document, top: Talk
) -> Iterator[tuple[str, Mapping[str, object], Mapping[str, object]]]:
    """Each rule of a file with its place and the file's defaults."""
    data = document.value
    if not isinstance(data, Mapping):
        if not document.findings:
            top.say("R005", "", "a rule file is {version: 1, rules: […]}")
        return
    _known(data, FILE_KEYS, "", top)
    if data.get("version") != VERSION:
        top.say("R006", "version", f"'version' is {VERSION}")
    defaults = data.get("defaults") or {}
    if not isinstance(defaults, Mapping):
        top.say("R007", "defaults", f"'defaults' holds {', '.join(DEFAULT_KEYS)}")
        defaults = {}
    _known(defaults, DEFAULT_KEYS, "defaults", top)
    rules = data.get("rules")
    if not isinstance(rules, list):
        top.say("R005", "rules", "'rules' is a list")
        return
    for index, rule in enumerate(rules):
        if isinstance(rule, Mapping):
            yield f"rules[{index}]", rule, defaults
        else:
            top.say("R005", f"rules[{index}]", "a rule is a map")


def _known(data: Mapping[str, object], keys: tuple[str, ...], place: str, top: Talk) -> None:
    for key in data:
        if key not in keys:
            top.say(
                "R011",
                f"{place}.{key}" if place else key,
                f"'{key}' is not known here",
                did_you_mean(key, keys, "known"),
                key=True,
            )


def _marks(document: Document) -> dict[str, Marks]:
    """The places of everything in each rule, by the rule's place."""
    found: dict[str, list[tuple[str, tuple[int, int]]]] = {}
    for name, span in document.spans.items():
        place = _RULE.match(name)
        if place is not None:
            inner = name[place.end() :].removeprefix(".")
            if inner.startswith("tests"):
                continue  # they are told of while the file is read, not when a rule runs
            found.setdefault(place[0], []).append((inner, (span.line, span.column)))
    return {place: Marks.of(marks) for place, marks in found.items()}
