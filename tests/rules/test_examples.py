"""The ten worked examples of the language pass the lint in the first organization, and their tests;
all of them but the marketing one ship with the product."""

from functools import cache
from pathlib import Path

import pytest

from rules.engine import Loaded, load
from rules.engine import tests as cases
from tests.rules.texts import MARKETING, RULES, VERBS, every_code

EXAMPLES = Path(__file__).with_name("examples.yaml")
KNOWN = {**VERBS, **MARKETING}


@cache
def loaded() -> Loaded:
    return load({"examples.yaml": EXAMPLES.read_text()}, verbs=KNOWN, schemas=every_code())


def test_the_lint_finds_nothing_in_them() -> None:
    assert loaded().findings == ()
    assert len(loaded().rules) == 10


@pytest.mark.parametrize(
    "result", cases.run(loaded().rules, verbs=KNOWN), ids=lambda result: result.title
)
def test_what_an_example_says_of_itself_is_so(result: cases.Result) -> None:
    assert result.passed, result.diff


def test_their_tests_reach_everything_but_what_filters_a_card_without_an_address() -> None:
    results = cases.run(loaded().rules, verbs=KNOWN)
    assert cases.unreached(loaded().rules, results) == {}


def test_all_but_the_marketing_one_ship_with_the_product() -> None:
    texts = {str(path): path.read_text() for path in RULES.glob("*.yaml")}
    shipped = {rule.id for rule in load(texts, verbs=VERBS, schemas=None).rules}
    assert {rule.id for rule in loaded().rules} - shipped == {"lead-to-marketing"}


def test_every_part_of_a_shipped_rule_is_reached_by_its_tests() -> None:
    texts = {str(path): path.read_text() for path in RULES.glob("*.yaml")}
    rules = load(texts, verbs=VERBS, schemas=None).rules
    assert cases.unreached(rules, cases.run(rules, verbs=VERBS)) == {}
