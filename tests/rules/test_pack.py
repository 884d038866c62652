"""A set kept as one text is the same set when it is read again."""

from dataclasses import replace

import pytest

from rules.engine import Rule, RuleError, RuleSet, load, pack, resolve, unpack
from tests.rules.texts import RULES, VERBS, read


def shipped() -> tuple[Rule, ...]:
    texts = {str(path): path.read_text() for path in sorted(RULES.glob("*.yaml"))}
    return load(texts, verbs=VERBS, schemas=None).rules


def untested(rule: Rule) -> Rule:
    data = {key: value for key, value in rule.data.items() if key != "tests"}
    return replace(rule, tests=(), data=data)


def test_a_packed_set_is_the_set_without_its_tests() -> None:
    found = unpack(pack(shipped()))
    assert found == tuple(map(untested, shipped()))
    assert RuleSet(found).hash == RuleSet(shipped()).hash


FAULTY = """
version: 1
rules:
  - id: a-rule
    when: { created: contact }
    do: [{ use: stop, with: { reason: "costs ${0.10} ${contact.name}" } }]
"""


def test_an_error_on_the_run_names_the_place_in_the_file_that_the_set_came_from() -> None:
    found = unpack(pack(read(FAULTY, path="rules/b.yaml").rules))
    assert found is not None
    with pytest.raises(RuleError) as told:
        resolve(found[0].do[0], {"contact": {"name": None}})
    assert (told.value.path, told.value.line, told.value.column) == ("rules/b.yaml", 6, 39)


def test_numbers_keep_every_digit() -> None:
    text = FAULTY.replace("stop, with: { reason:", "emit, with: { type: a, data: { n: 0.10 }, x:")
    found = unpack(pack(read(text).rules))
    assert found is not None
    assert str(found[0].data["do"][0]["with"]["data"]["n"]) == "0.10"  # type: ignore[index]  # plain values


def test_what_another_version_packed_is_not_read() -> None:
    assert unpack('{"format": 0, "rules": []}') is None
