"""Rules that fail: tried again, gone on with, told of, and alone in their failing."""

import pytest

from relay.pipeline import rules
from relay.storage.tables.crm import stream_entries
from tests.scenarios.house import House

DEAL = "Northwind onboarding"
RECEIPTS = "/v3/company/9130350000000001/salesreceipt"
HEAD = "version: 1\nrules:\n"
WON = "    when: { changed: status, list: Deals, to: Deal Won }\n"
GOOD = f"""\
  - id: good
{WON}    do:
      - use: crm.post_stream
        with: {{ subject: Good, body: it ran }}
"""


@pytest.fixture
def house(small_house: House) -> House:
    """None of this has a statement of its own."""
    return small_house


def win(house: House, text: str) -> None:
    rules.apply(house.runtime, house.made.org, {"rules/here.yaml": HEAD + text}, by="me")
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("    if: item.seats > 1\n", "rules/here.yaml:4:"),
        ("", "rules/here.yaml:"),
    ],
    ids=["its condition cannot be said", "its mapping cannot be made"],
)
def test_a_rule_that_fails_stops_no_other(house: House, bad: str, said: str) -> None:
    text = f"""\
  - id: bad
{bad or "    enabled: true" + chr(10)}{WON}    do:
      - use: crm.post_stream
        with: {{ subject: "${{item.receipt_no}} of it", body: x }}
"""
    win(house, text + GOOD)
    (run,) = house.runs("bad")
    assert run.state == "failed"
    assert run.reason.startswith(said)
    assert [one.state for one in house.runs("good")] == ["succeeded"]


def test_on_error_continue_goes_on_and_on_failure_is_told_why(house: House) -> None:
    text = f"""\
  - id: goes-on
{WON}    do:
      - id: first
        use: crm.update_item
        with: {{ item: no-such-item, fields: {{ seats: 1 }} }}
        on_error: continue
      - id: second
        use: crm.find_item
        with: {{ list: Leads, email: nobody@example.com, required: true }}
        if: item.amount == null
      - id: third
        use: crm.update_item
        with: {{ item: no-such-item, fields: {{ seats: 1 }} }}
      - id: never
        use: crm.post_stream
        with: {{ subject: Never, body: x }}
    on_failure:
      - use: crm.post_stream
        with: {{ subject: "It failed at ${{failure.step}}", body: "${{failure.message}}" }}
"""
    win(house, text)
    (run,) = house.runs("goes-on")
    states = {step.step_id: step.state for step in house.steps(run.id) if step.n < 1000}
    assert states == {"first": "failed", "second": "not_run", "third": "failed"}
    assert run.state == "failed"
    (entry,) = [row for row in house.rows(stream_entries) if row.subject.startswith("It failed")]
    assert entry.subject == "It failed at third"
    assert "no-such-item" in entry.body


def test_a_step_is_tried_as_often_as_its_rule_says(house: House) -> None:
    text = f"""\
  - id: patient
{WON}    retry: {{ attempts: 3, first: 1s, max: 2s }}
    do:
      - use: quickbooks.sales_receipt
        with: {{ customer: Northwind, amount: 5 }}
"""
    house.fault("quickbooks", fault="500", path=RECEIPTS, times=9)
    win(house, text)
    for _ in range(4):
        house.later()
        house.settle()
    (run,) = house.runs("patient")
    assert run.state == "failed"
    assert len(house.attempts(run.id)) == 3
    assert house.books("quickbooks") == []


def test_a_rule_does_not_set_itself_off_and_a_chain_of_rules_ends(house: House) -> None:
    stages = ("Lead", "Proposal", "Negotiation", "Deal Won", "Paid", "Deal Lost")
    chain = "".join(
        f"""\
  - id: step-{number}
    when: {{ changed: status, list: Deals, to: {stages[number]} }}
    do:
      - use: crm.update_item
        with: {{ fields: {{ status: {stages[(number + 1) % 6]} }} }}
"""
        for number in range(6)
    )
    alone = """\
  - id: itself
    when: { changed: seats, list: Deals }
    do:
      - use: crm.update_item
        with: { fields: { seats: "${item.seats == null ? 1.0 : double(item.seats) + 1.0}" } }
"""
    rules.apply(house.runtime, house.made.org, {"rules/here.yaml": HEAD + chain + alone}, by="me")
    house.set("Deals", DEAL, "Status", "Lead")
    house.set("Deals", DEAL, "Seats", "3")
    house.settle()
    ran = [house.runs(f"step-{number}") for number in range(6)]
    assert [run.state for (run,) in ran[:5]] == ["succeeded"] * 5
    ((last,),) = ran[5:]
    assert last.state == "failed"
    assert last.reason == (
        "rules led to rules 5 times, so it was not run: "
        "step-0 → step-1 → step-2 → step-3 → step-4 → step-5"
    )
    assert [run.state for run in house.runs("itself")] == ["succeeded"]
    assert float(house.item("Deals", DEAL)["shown"]["Seats"]) == 4
