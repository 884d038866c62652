"""The worked examples of the rule language, word for word, against the sandboxes."""

import json
from pathlib import Path

from relay.pipeline import rules
from relay.storage.tables.crm import stream_entries
from relay.storage.tables.deliveries import deliveries
from tests.scenarios.house import House

EXAMPLES = (Path(__file__).parent / "worked_examples.yaml").read_text()
CARD = Path("relay/integrations/fullcontact/samples/card.request.json")
BILL = """\
version: 1
rules:
  - id: bill-it
    when: { changed: status, list: Deals, from: Proposal, to: Negotiation }
    do:
      - use: quickbooks.invoice
        with: { customer: "${account.name}", email: "${contact.email}", amount: "${item.amount}" }
"""
BILLED = "Northwind onboarding"


def test_all_of_them_run(house: House) -> None:
    texts = {"rules/examples.yaml": EXAMPLES, "rules/bill.yaml": BILL}
    rules.apply(house.runtime, house.made.org, texts, by="a person")

    # 1, 2, 3 and 9: booked where each says, and every stage change published.
    house.set("Deals", "Granite workshop", "Amount", "300")
    won = {
        "deal-won-receipt": ("Deals", "Granite workshop"),
        "deal-won-subscription": ("Deals", "Larkspur annual plan"),
        "deal-won-zuora": ("Enterprise Deals", "Granite rollout"),
    }
    for in_list, deal in won.values():
        house.set(in_list, deal, "Status", "Deal Won")
    house.settle()
    for rule, (_, deal) in won.items():
        assert [run.state for run in house.runs(rule) if run.about == deal] == ["succeeded"], rule
    assert {run.state for run in house.runs("publish-stage")} == {"succeeded"}
    published = [house.outcome(row.id).type for row in house.events(kind="completion")]
    assert published.count("deal.stage_changed") == 2

    # 7 and 10: two weeks in Proposal; the deals that close this week.
    soon = house.runtime.clock.now().date().isoformat()
    house.set("Deals", BILLED, "Close Date", soon)
    house.set("Deals", BILLED, "Status", "Proposal")
    house.settle()
    house.days_later(14)
    assert [run.state for run in house.runs("stale-proposal")] == ["succeeded"]
    sent = [row.body.decode() for row in house.rows(deliveries, target_kind="target")]
    assert [f"{BILLED} closes {soon}" in body for body in sent] == [True]

    # 5 and 4: its invoice is mailed, and then paid.
    house.set("Deals", BILLED, "Status", "Negotiation")
    house.settle()
    invoice = house.books("quickbooks")[0]
    mailed(house, invoice.id)
    house.settle()
    assert [run.state for run in house.runs("invoice-sent")] == ["succeeded"]
    house.pay("quickbooks", invoice.id)
    house.settle()
    assert [run.state for run in house.runs("invoice-paid")] == ["succeeded"]
    shown = house.item("Deals", BILLED)["shown"]
    assert (shown["Status"], float(shown["Paid Amount"])) == ("Paid", 1250)
    subjects = {row.subject for row in house.rows(stream_entries)}
    assert {"Booked Granite workshop", f"Invoice {invoice.number} sent",
            f"Invoice {invoice.number} paid"} <= subjects  # fmt: skip

    # 6: a scanned card becomes a contact and a lead.
    house.post("cards", content=CARD.read_bytes(), headers={"content-type": "application/json"})
    house.settle()
    assert [run.state for run in house.runs("business-card")] == ["succeeded"]
    lead = house.item("Leads", "Matt Elliott")
    assert lead["shown"]["Account Name"] == "Full contact"


def mailed(house: House, invoice: str) -> None:
    """QuickBooks tells that an invoice was mailed."""
    notice = {
        "specversion": "1.0", "id": "mailed-1", "source": "intuit.sandbox",
        "type": "qbo.invoice.emailed.v1", "datacontenttype": "application/json",
        "time": "2026-11-26T09:00:00.000000000Z", "intuitentityid": invoice,
        "intuitaccountid": "9130350000000001", "data": {},
    }  # fmt: skip
    body = json.dumps([notice]).encode()
    source = house.runtime.integrations["quickbooks"].source
    assert source is not None
    assert source.sign is not None
    now = house.runtime.clock.now()
    headers = source.sign(body, house.source("quickbooks").config(now), now)
    answer = house.post("quickbooks", content=body, headers=dict(headers))
    assert answer.status_code == 200, answer.text
