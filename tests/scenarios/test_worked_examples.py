"""Worked examples of the rule language that no other scenario runs: a scanned card, an invoice that
was sent, every change of stage. As shipped, against the sandboxes."""

import json

from relay.pipeline import sample
from relay.storage import sources
from tests.scenarios.house import House
from tests.scenarios.test_paid_comes_back import INVOICE

DEAL = "Northwind onboarding"


def test_a_scanned_card_becomes_a_contact_and_a_lead_once(house: House) -> None:
    for _ in range(2):
        with house.runtime.db.read() as conn:
            row = sources.source_named(conn, house.runtime.vault, house.made.org, "cards")
        sample.send(house.runtime, row, "card", by="a person")
        house.settle()
    run, again = house.runs("business-card")
    assert [run.state, again.state] == ["succeeded", "succeeded"]
    assert not house.steps(again.id)[1].output["created"]
    person, lead = house.steps(run.id)
    assert person.input["email"] == "matt@fullcontact.com"
    assert lead.output["created"]
    assert lead.input["fields"] == {"status": "New", "account_name": "Full contact"}
    assert lead.input["contact"] == person.output["id"]


def test_an_invoice_that_was_sent_is_told_to_the_account_manager(house: House) -> None:
    house.apply({"rules/deal-won.yaml": INVOICE})
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    (invoice,) = house.books("quickbooks")
    _notify(house, "Emailed", invoice.id)
    house.settle()
    (run,) = house.runs("invoice-sent")
    assert run.state == "succeeded"
    (told,) = house.steps(run.id)
    assert told.input["subject"].startswith("Invoice ")
    assert told.input["body"].startswith("Due ")


def test_every_change_of_stage_is_an_event_for_subscribers(house: House) -> None:
    for stage in ("Proposal", "Negotiation"):
        house.set("Deals", DEAL, "Status", stage)
        house.settle()
    told = [house.steps(run.id)[0] for run in house.runs("publish-stage")]
    assert [(step.input["data"]["from"], step.input["data"]["to"]) for step in told] == [
        ("Negotiation", "Proposal"),
        ("Proposal", "Negotiation"),
    ]
    assert all(step.output["event"] for step in told)


def _notify(house: House, operation: str, invoice: str) -> None:
    """QuickBooks tells of an invoice, signed."""
    with house.runtime.db.read() as conn:
        row = sources.source_named(conn, house.runtime.vault, house.made.org, "quickbooks")
    entity = {"name": "Invoice", "id": invoice, "operation": operation,
              "lastUpdated": "2026-11-23T08:06:30-0800"}  # fmt: skip
    change = {"realmId": "9130350000000001", "dataChangeEvent": {"entities": [entity]}}
    body = json.dumps({"eventNotifications": [change]}).encode()
    source = house.runtime.integrations["quickbooks"].source
    assert source is not None
    assert source.sign is not None
    now = house.runtime.clock.now()
    headers = source.sign(body, row.config(now), now)
    assert house.post("quickbooks", content=body, headers=dict(headers)).status_code == 200
