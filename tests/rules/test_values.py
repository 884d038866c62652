"""Blanks: types are kept, text is text, and what cannot be said is an error with its place."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from rules.engine import CLEAR, RuleError, clauses_of, optional_path, origin, resolve
from rules.engine.expr import program
from rules.engine.templates import compile_value
from tests.rules.texts import POST, rule

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
FACTS: Mapping[str, object] = {
    "item": {
        "name": "Acme renewal",
        "amount": Decimal("0.10"),
        "seats": 25,
        "close_date": date(2026, 5, 1),
        "modified": NOON,
        "plan": None,
        "plans": ["a", "b"],
        "owner": {"id": "usr_1", "name": "Kim", "email": "kim@example.com"},
        "won": True,
    },
    "account": None,
    "contact": {"email": "ann@acme.test"},
    "event": {"at": NOON, "data": {"total": Decimal("99.10"), "due": None},
              "body": {"lines": [{"sku": "A", "n": 2}], "a b": 1}},
    "steps": {"receipt": {"output": {"number": "CRM-1", "id": None}}},
    "now": NOON,
    "timezone": "America/New_York",
    "settings": {"vat": Decimal("19.5"), "name": "Acme"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("${item.amount}", Decimal("0.10")),
        ("${item.seats}", 25),
        ("${item.close_date}", date(2026, 5, 1)),
        ("${item.modified}", NOON),
        ("${item.plans}", ["a", "b"]),
        ("${item.won}", True),
        ("${item.plan}", None),
        ("${account.name}", None),
        ("${item.owner.email}", "kim@example.com"),
        ("${steps.receipt.output.number}", "CRM-1"),
        ("${steps.receipt.output.id}", None),
        ("${steps.other.output.id}", None),
        ("${event.body.lines[0].sku}", "A"),
        ('${event.body["a b"]}', 1),
        ("${event.data.total}", Decimal("99.10")),
        ("${item.seats + 1}", 26),
        ("${double(item.seats) * 1.5}", Decimal("37.5")),
        ("${item.seats > 10}", True),
        ("${item.plan == null ? null : item.plan}", None),
        ("${item.plan == null ? 'none' : item.plan}", "none"),
        ("${item.close_date == null ? now : item.close_date}", date(2026, 5, 1)),
        ('${ {"a": {"b": item.seats}} }', {"a": {"b": 25}}),
        ('${"}" + item.name}', "}Acme renewal"),
        ("${null_to_clear()}", CLEAR),
        ("${setting('vat')}", Decimal("19.5")),
        ("Won: ${item.name} for ${item.amount}", "Won: Acme renewal for 0.10"),
        ("${item.won}!", "true!"),
        ("on ${item.close_date} at ${item.modified}", "on 2026-05-01 at 2026-05-01T12:00:00Z"),
        ("costs $${item.amount}", "costs ${item.amount}"),
        ("$5", "$5"),
        (12, 12),
        ("${ item.seats }", 25),
        ("${date(now)}", "2026-05-01"),
        ("${date(now, 'Asia/Tokyo')}", "2026-05-01"),
        ("${date('2026-05-01T02:00:00Z')}", "2026-04-30"),
        ("${date(1777636800000)}", "2026-05-01"),
        ("${date('1777636800')}", "2026-05-01"),
        ("${epoch_ms(item.modified)}", 1777636800000),
        ("${epoch_ms(item.close_date)}", 1777608000000),
        ("${digits('+1 (555) 010')}", "1555010"),
        ("${lower('ÄB')} ${upper('äb')} ${trim('  a ')}", "äb ÄB a"),
        ("${item.modified - days(1) < now && now - item.modified < hours(1)}", True),
    ],
)
def test_a_blank_is_the_value_itself_or_text_with_it(written: object, value: object) -> None:
    found = compile_value(written, "with")(FACTS)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Plan ${item.plan}", "item.plan is empty inside text; give a default"),
        ("Lines ${item.plans}", "item.plans is a list, which has no text form"),
        ("${item.nothing}", "item.nothing is not known"),
        ("${event.body.nothing}", "test it with has"),
        ("${event.body.lines[7]}", "cannot be selected"),
        ("${lower(item.plan)}", "lower does not take (null)"),
        ("${date(item.plan)}", "date does not take (null)"),
        ("${date('soon')}", "'soon' is not a date"),
        ("${setting('nothing')}", "has no setting 'nothing'"),
        ("${date(now, 'Mars')}", "there is no time zone"),
        ("${1 / 0}", "divide by zero"),
        ("${now - item.modified}", "a length of time, which is no value to use"),
        ("${double(item.seats) / 0.0}", "not a number"),
    ],
)
def test_a_blank_that_cannot_be_filled_says_why(written: str, said: str) -> None:
    with pytest.raises(RuleError) as told:
        compile_value({"a": {"b": [written]}}, "with")(FACTS)
    assert said in told.value.message
    assert told.value.place == "with.a.b[0]"


WITH = """\
do:
  - use: emit
    with: { type: a.b, data: { empty: "${item.plan}", amount: "${item.amount}", clear: "${null_to_clear()}" } }
"""  # noqa: E501


def test_a_key_that_comes_out_empty_is_left_out_and_one_to_clear_is_not() -> None:
    step = rule("{ created: item, list: Deals }", WITH).do[0]
    assert resolve(step, FACTS) == {
        "type": "a.b", "data": {"amount": Decimal("0.10"), "clear": CLEAR},
    }  # fmt: skip


def test_a_value_is_traced_to_the_facts_it_came_from() -> None:
    step = rule("{ created: item, list: Deals }", WITH).do[0]
    assert origin(step, "data.amount") == "item.amount"
    assert origin(step, "type") is None


def test_a_mapping_of_a_program_reads_what_may_be_absent() -> None:
    assert program(optional_path("event.body", "a b")).run(FACTS) == 1
    assert program(optional_path("event.body", "c d")).run(FACTS) is None


def test_each_clause_of_a_condition_is_shown_with_what_it_read() -> None:
    text = "if: item.seats > 10 && item.plan != null && item.amount > 1"
    found = clauses_of(rule("{ created: item, list: Deals }", f"{text}\n{POST}"), FACTS)
    assert [(clause.text, clause.held) for clause in found] == [
        ("item.seats > 10", True), ("item.plan != null", False), ("item.amount > 1", False),
    ]  # fmt: skip
    assert found[2].values == {"item.amount": Decimal("0.10")}
