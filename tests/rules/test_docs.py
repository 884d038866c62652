"""docs/rules.md and docs/verbs.md say what is so: every example on them is run."""

import re

import pytest

from relay.cli import findings
from rules.engine import load
from rules.engine import tests as cases
from rules.engine.expr import program
from rules.engine.functions import NAMES
from rules.engine.templates import as_text
from rules.engine.verb_page import page
from tests.rules.texts import RULES, VERBS, condition, first_organization, read, whole

DOCS = RULES.parent / "docs"
PAGE = (DOCS / "rules.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """The cells of the table whose first line begins so."""
    table = PAGE[PAGE.index(f"| {heading} |") :].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table]


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_of_the_page_passes_the_lint_and_its_tests(example: str) -> None:
    text = whole(example)
    loaded = read(text, first_organization())
    shown = findings.text(loaded, {"rules/a.yaml": text}).plain
    own = [one for one in loaded.findings if one.code not in ("R500", "R507")]
    assert not own, shown
    if "tests:" in example:
        assert not loaded.findings, shown
        for result in cases.run(loaded.rules, verbs=VERBS):
            assert result.passed, result.diff


@pytest.mark.parametrize("words", [row[0] for row in rows("in words")])
def test_a_question_of_the_phrase_book_is_sound(words: str) -> None:
    asked = next(row[1] for row in rows("in words") if row[0] == words)
    found = read(condition(asked.strip("`"), for_stages=True), first_organization()).findings
    assert [one for one in found if one.code != "R500"] == []


@pytest.mark.parametrize("function", [row for row in rows("function") if len(row) == 3], ids=str)
def test_a_function_gives_what_the_page_says(function: list[str]) -> None:
    _, asked, told = function
    facts = {"settings": {"vat_rate": 19}, "timezone": "UTC"}
    assert as_text(program(asked.strip("`")).run(facts)) == told.strip("`")


def test_every_function_is_on_the_page() -> None:
    told = " ".join(row[0] for row in rows("function"))
    assert set(re.findall(r"(\w+)\(", told)) == set(NAMES)


def test_the_first_mistake_on_the_page_is_told_as_the_lint_tells_it() -> None:
    told = re.search(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert told is not None
    loaded = load(
        {"a": whole("if: item.amuont > 1000\n")}, verbs=VERBS, schemas=first_organization()
    )
    shown = findings.text(loaded, {"a": whole("if: item.amuont > 1000\n")}).plain
    words = [line.strip() for line in told[1].splitlines()]
    assert all(word.split("|")[-1].strip() in shown for word in words)


def test_the_page_of_verbs_is_the_one_that_the_program_writes() -> None:
    assert (DOCS / "verbs.md").read_text() == page(VERBS)
