"""Tests beside the rules: what they compare, how a difference is shown, what moves their clock."""

from xml.etree import ElementTree

import pytest

from rules.engine import tests as cases
from tests.rules.texts import POST, VERBS, file_of, read

WON = "{ changed: status, list: Deals, to: Deal Won }"
BOOK = """\
do:
  - id: receipt
    use: quickbooks.sales_receipt
    with: { customer: "${account.name}", amount: "${item.amount}", date: "${date(now)}" }
  - use: crm.update_item
    if: item.plan == "one-off"
    with: { fields: { receipt_no: "${steps.receipt.output.number}" } }
"""
GIVEN = """\
- name: a case
  given:
    changed: status
    to: Deal Won
    item: { amount: 12.50, plan: one-off }
    account: { name: Acme }
"""


def file_with(tests: str, when: str, rest: str) -> str:
    indented = "".join(f"  {line}\n" for line in tests.splitlines())
    return file_of(f"id: a-rule\nwhen: {when}\n{rest}\ntests:\n{indented}")


def results(tests: str, when: str = WON, rest: str = BOOK) -> list[cases.Result]:
    loaded = read(file_with(tests, when, rest))
    assert loaded.ok, loaded.findings
    return cases.run(loaded.rules, verbs=VERBS)


def one(tests: str, when: str = WON, rest: str = BOOK) -> cases.Result:
    (found,) = results(tests, when, rest)
    return found


@pytest.mark.parametrize(
    ("expected", "passes"),
    [
        ("[{ use: BOOK }, { use: crm.update_item }]", True),
        ("[{ use: crm.update_item }, { use: BOOK }]", False),
        ("[{ use: BOOK }]", False),
        ("[{ use: BOOK, with: { amount: 12.5 } }, { use: crm.update_item }]", True),
        ('[{ use: BOOK, with: { amount: "12.50" } }, { use: crm.update_item }]', False),
        ("[{ use: BOOK, with: { customer: Acme } }, { use: crm.update_item }]", True),
        ("[{ use: BOOK, with: { email: null } }, { use: crm.update_item }]", True),
        ("[{ use: BOOK, failed: true }, { use: crm.update_item }]", False),
    ],
)
def test_actions_are_compared_in_order_with_a_part_of_their_values_and_their_types(
    expected: str, passes: bool
) -> None:
    tests = f"{GIVEN}  expect: {expected.replace('BOOK', 'quickbooks.sales_receipt')}\n"
    assert one(tests).passed is passes


def test_a_difference_is_shown_as_a_diff_of_what_the_test_looks_at() -> None:
    expected = "[{ use: quickbooks.sales_receipt, with: { amount: 13 } }, { use: crm.update_item }]"
    assert one(f"{GIVEN}  expect: {expected}\n").diff == (
        "--- expected\n+++ happened\n@@ -1,9 +1,9 @@\n {\n"
        '   "use": "quickbooks.sales_receipt",\n   "with": {\n'
        '-    "amount": 13\n+    "amount": 12.5\n   }\n }\n {\n   "use": "crm.update_item"\n }'
    )


def test_another_end_is_told_with_its_reason() -> None:
    found = one(
        "- name: a case\n  given: { changed: status, to: Deal Won, item: { plan: one-off } }\n"
        "  expect: []\n  ends: filtered\n"
    )
    assert "- ends: filtered\n+ ends: failed" in found.diff
    assert "quickbooks.sales_receipt needs 'customer'" in found.diff


def test_a_stub_answers_in_place_of_a_step() -> None:
    found = one(
        f"{GIVEN}  stub: {{ receipt: {{ output: {{ number: CRM-9 }} }} }}\n"
        "  expect:\n    - use: quickbooks.sales_receipt\n"
        "    - { use: crm.update_item, with: { fields: { receipt_no: CRM-9 } } }\n"
    )
    assert found.passed, found.diff


def test_a_stubbed_error_ends_the_run_and_tells_who_is_to_be_told() -> None:
    rest = f"owner: ann@example.com\nnotify: [owner]\n{BOOK}"
    found = one(
        f"{GIVEN}  stub: {{ receipt: {{ error: {{ status: 422, message: no }} }} }}\n"
        "  expect: [{ use: quickbooks.sales_receipt, failed: true }]\n"
        "  ends: failed\n  notified: [owner]\n",
        rest=rest,
    )
    assert found.passed, found.diff


HELD = "{ changed: status, list: Deals, to: Proposal, for: 14d }"
SINCE = 'do: [{ use: crm.post_stream, with: { subject: "${date(event.since)}", body: a } }]'


@pytest.mark.parametrize(
    ("clock", "fires"),
    [
        ("after: 13d", False),
        ("after: 14d", True),
        ("after: 400d", True),
        ("after: 14d\n  stays: false", False),
        ("name: no time passes", False),
    ],
)
def test_the_clock_moves_by_after(clock: str, fires: bool) -> None:
    expected = "[{ use: crm.post_stream, with: { subject: 2026-05-01 } }]" if fires else "[]"
    head = "" if clock.startswith("name") else "name: a\n  "
    found = one(
        f"- {head}{clock}\n  now: 2026-05-01T10:00:00Z\n"
        f"  given: {{ changed: status, to: Proposal }}\n  expect: {expected}\n",
        when=HELD,
        rest=SINCE,
    )
    assert found.passed, found.diff


def test_values_are_those_of_the_organization_that_the_test_describes() -> None:
    step = "do: [{ use: stop, with: { reason: \"${date(now)} ${setting('vat')}\" } }]"
    found = one(
        "- name: a\n  now: 2026-05-02T02:00:00Z\n  timezone: America/New_York\n"
        "  settings: { vat: 19 }\n  given: { changed: status, to: Deal Won }\n"
        "  expect: [{ use: stop, with: { reason: 2026-05-01 19 } }]\n  ends: filtered\n",
        rest=step,
    )
    assert found.passed, found.diff


def missing(tests: str, when: str = WON, rest: str = BOOK) -> list[str]:
    loaded = read(file_with(tests, when, rest))
    assert loaded.ok, loaded.findings
    found = cases.unreached(loaded.rules, cases.run(loaded.rules, verbs=VERBS))
    return found.get("a-rule", [])


def test_what_no_test_reached_is_listed() -> None:
    tests = "- name: a\n  given: { changed: status, to: Lead }\n  expect: []\n"
    when = f"[{WON}, {{ created: item, list: Deals }}]"
    rest = f"if: item.amount != null\n{BOOK}on_failure: [{{ use: stop, with: {{ reason: a }} }}]"
    assert missing(tests, when, rest) == [
        "when[0]", "when[1]", "if", "do[0]", "do[1].if", "do[1]", "on_failure[0]",
    ]  # fmt: skip


def test_the_condition_of_a_step_that_was_false_is_reached_and_the_step_is_not() -> None:
    tests = GIVEN.replace("one-off", "annual") + "  expect: [{ use: quickbooks.sales_receipt }]\n"
    assert missing(tests) == ["do[1]"]


def test_junit_names_each_case_and_holds_what_differs() -> None:
    done = results(
        f"{GIVEN}  expect: []\n"
        '- name: "a <case> & \\x01"\n  given: { changed: status, to: Lead }\n  expect: []\n'
    )
    suite = ElementTree.fromstring(cases.junit(done))  # noqa: S314 - our own text
    assert suite.attrib == {"name": "rules", "tests": "2", "failures": "1"}
    bad, good = suite
    assert (bad.get("classname"), bad.get("name")) == ("a-rule", "a case")
    failure = bad.find("failure")
    assert failure is not None
    assert "quickbooks.sales_receipt" in (failure.text or "")
    assert good.get("name") == "a <case> & \N{REPLACEMENT CHARACTER}"


def test_some_tests_are_picked_by_a_part_of_their_title() -> None:
    lines = (f"- {{ name: {name}, given: {{ changed: status, to: Lead }}, expect: [] }}\n"
             for name in ("First", "Other"))  # fmt: skip
    loaded = read(file_with("".join(lines), WON, POST))
    found = cases.run(loaded.rules, verbs=VERBS, only="first")
    assert [one.name for one in found] == ["First"]
