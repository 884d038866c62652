"""docs/rule-codes.md is the table of these tests: each code has an example there, and what is said
of it, to the letter."""

import re
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from relay.cli import findings
from relay.pipeline import rules as live
from rules.engine import Finding, Loaded
from tests.rules.texts import MARKETING, RULES, VERBS, every_code, read, whole

PAGE = RULES.parent / "docs" / "rule-codes.md"
_SECTION = re.compile(r"^### (R\d{3})\b.*?(?=^##|\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(yaml|text)\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Section(NamedTuple):
    code: str
    example: str
    told: str


def sections() -> list[Section]:
    found = []
    for match in _SECTION.finditer(PAGE.read_text()):
        blocks = dict(_BLOCK.findall(match[0]))
        found.append(Section(match[1], blocks.get("yaml", ""), blocks.get("text", "")))
    return found


def told(example: str) -> tuple[tuple[Finding, ...], str]:
    """The findings in an example, and how they are shown, without the place in the file: an example
    is a part of one."""
    text = whole(example)
    loaded = read(text, every_code())
    if loaded.ok:
        apply: Any = SimpleNamespace(verbs={**VERBS, **MARKETING})
        failed = tuple(live.failed_tests(apply, loaded))
        loaded = Loaded(loaded.rules, (*loaded.findings, *failed))
    shown = findings.text(loaded, {"rules/a.yaml": text}).plain
    shown = re.sub(r"^rules/a.yaml:\d+:\d+: ", "", shown, flags=re.MULTILINE)
    shown = re.sub(r"^ {1,4}\d+ \|", "      |", shown, flags=re.MULTILINE)
    if not example.startswith(("version:", "- ")):
        shown = re.sub(r"^      \| (  - |    )", "      | ", shown, flags=re.MULTILINE)
    return loaded.findings, f"{shown}\n"


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.code)
def test_the_example_of_a_code_is_told_as_the_page_says(section: Section) -> None:
    found, shown = told(section.example)
    assert shown == section.told
    assert section.code in {one.code for one in found}


def test_every_code_in_the_program_has_its_section_in_order() -> None:
    folders = [RULES / "engine", RULES.parent / "relay"]
    texts = [path.read_text() for folder in folders for path in folder.rglob("*.py")]
    used = {code for text in texts for code in re.findall(r'"(R\d{3})"', text)}
    assert [section.code for section in sections()] == sorted(used)
