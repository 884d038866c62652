"""W1 to W5, for every registered source: a sample of its sender's is accepted, taken once, read,
mapped as a new source maps it, and has its effect; on both databases."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from relay.core.targets import INTERNAL
from relay.integrations import INTEGRATIONS
from relay.pipeline import arrange, connecting, sample
from relay.samples import chosen
from relay.storage import connections, sources
from relay.storage.tables.events import facts
from relay.storage.tables.runs import runs
from tests.scenarios.house import House
from tests.serving import served

XERO = json.loads(
    (Path(__file__).parents[1] / "contracts" / "answers" / "xero_invoice.json").read_text()
)
FRESH = "/accounting/account/6BApk"
# What the providers answer when a notification that names something is read.
ANSWERS: dict[str, dict[str, Any]] = {
    "quickbooks": {
        "/v3/company/9130350000000001/payment/148": {"Payment": {
            "Id": "148", "TotalAmt": 250, "TxnDate": "2026-11-23", "CustomerRef": {"value": "58"},
            "Line": [{"Amount": 250, "LinkedTxn": [{"TxnId": "145", "TxnType": "Invoice"}]}]}},
        "/v3/company/9130350000000001/invoice/145": {"Invoice": {
            "Id": "145", "DocNumber": "1037", "Balance": 0, "TotalAmt": 250}},
        "/v3/company/9130350000000001/customer/58": {"Customer": {
            "DisplayName": "Quick Lee", "PrimaryEmailAddr": {"Address": "quick@example.com"}}},
    },
    "recurly": {
        "/invoices/s9xk2m4p7qv1": {
            "id": "s9xk2m4p7qv1", "number": "1042", "state": "paid", "currency": "USD",
            "total": 99.5, "paid": 99.5, "closed_at": "2026-11-24T08:59:30Z",
            "account": {"id": "a1", "email": "recur@example.com"}},
    },
    "xero": {f"/api.xro/2.0/Invoices/{XERO['Invoices'][0]['InvoiceID']}": XERO},
    "freshbooks": {
        f"{FRESH}/payments/payments/1234567": {"response": {"result": {"payment": {
            "invoiceid": 9, "clientid": 7, "date": "2026-11-24",
            "amount": {"amount": "20.50", "code": "CAD"}}}}},
        f"{FRESH}/invoices/invoices/9": {"response": {"result": {"invoice": {
            "invoice_number": "0042", "outstanding": {"amount": "0.00"},
            "amount": {"amount": "20.50", "code": "CAD"}}}}},
        f"{FRESH}/users/clients/7": {"response": {"result": {"client": {
            "email": "fresh@example.com", "fname": "Fresh"}}}},
    },
}  # fmt: skip
SETTINGS = {"realm": "9130350000000001", "tenant": "aef86862-2015-4b6b-88bc-d89032cecc50",
            "account": "6BApk"}  # fmt: skip

# Type → the address that its sample is about, and what is paid: None for people.
PEOPLE = {
    "webform": "ann.lee@example.com",
    "typeform": "ann@example.com",
    "jotform": "ann.lee+web@example.com",
    "wufoo": "ann@example.com",
    "formstack": "bo@example.com",
    "gravityforms": "ann@example.com",
    "webflow": "zaphod@heartofgold.example",
    "netlify": "ann@example.com",
    "wordpress": "ann@example.com",
    "fullcontact": "matt@fullcontact.com",
    "hubspot": "ann@example.com",
    "mailchimp": "api@mailchimp.com",
}
PAYMENTS = {
    "quickbooks": ("quick@example.com", Decimal(250)),
    "recurly": ("recur@example.com", Decimal("99.5")),
    "zuora": ("zuora@example.com", Decimal("24000.50")),
    "xero": ("liam@rockstar.com", Decimal("148062.76")),
    "stripe": ("stripe@example.com", Decimal(20)),
    "freshbooks": ("fresh@example.com", Decimal("20.50")),
    "chargebee": ("charge@example.com", Decimal("1249.50")),
}
# Their events are the sender's own: stored and read, and no more until a rule asks for them.
OWN = {"webhook": "webhook.order.paid", "squarespace": "squarespace.order.create"}
# These senders name no delivery: two requests with one body may be two events.
UNNAMED = {"webform", "wordpress"}
# Samples about the same person, told apart so that each finds a deal of its own.
RENAMED = {"zuora": b"Ann@Example.com", "stripe": b"ann@example.com",
           "chargebee": b"Ann@Example.com"}  # fmt: skip


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """All the providers' APIs, at one address."""

    @Request.application
    def answer(request: Request) -> Response:
        for documents in ANSWERS.values():
            if request.path in documents:
                return Response(json.dumps(documents[request.path]), mimetype="application/json")
        return Response("{}", status=404)

    with served(answer) as url:
        yield url


def _connected(house: House, type: str, address: str, name: str) -> str | None:
    """A connection to the provider's stand-in, where the type's events are thin."""
    if type not in ANSWERS:
        return None
    runtime, now = house.runtime, house.runtime.clock.now()
    with runtime.db.write() as conn:
        connections.create_connection(
            conn, runtime.vault, house.made.org, provider=type, name=name,
            base_url=address, settings=SETTINGS, sandbox=False, at=now,
            credentials={"api_key": "k", "access_token": "t",
                         "expires_at": (now + timedelta(hours=1)).isoformat()},
        )  # fmt: skip
    return name


def _made(house: House, type: str, address: str, name: str | None = None) -> sources.SourceRow:
    """A source as somebody makes it who chooses nothing."""
    new = arrange.NewSource(
        type=type, name=name or f"new {type}", options=dict(chosen(INTEGRATIONS[type]).options),
        secret="5f4dcc3b5aa765d61d8327deb882cf99",
        connection=_connected(house, type, address, f"account of {name or type}"),
    )  # fmt: skip
    row, _ = arrange.create_source(house.runtime, house.made.org, new, by="test")
    return row


def _contact(house: House, email: str) -> Any:
    found = house.api("GET", "/contacts", params={"properties.email": email})["objects"]
    return found[0] if found else None


def _with_a_deal(house: House, email: str) -> str:
    """A customer with one deal that is open."""
    lists = house.its_list("Deals")
    person = {"properties": {"name": [{"value": email}], "email": [{"value": email}]}}
    contact = house.api("POST", "/contacts", json=person)
    account = house.api("POST", "/accounts", json={"name": f"Account of {email}"})
    wanted = {"accountId": account["id"], "contactIds": [contact["id"]], "name": f"Deal of {email}"}
    house.api("POST", f"/lists/{lists['id']}/listitems", json=wanted)
    return str(wanted["name"])


@pytest.mark.parametrize("type", [n for n, one in INTEGRATIONS.items() if one.source is not None])
def test_a_sample_is_accepted_taken_once_read_mapped_and_has_its_effect(
    one_house: House, provider: str, type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = one_house
    monkeypatch.setattr(connecting, "policy_of", lambda *_: INTERNAL)
    if type in RENAMED:
        _rename(monkeypatch, type, RENAMED[type], PAYMENTS[type][0])
    source = _made(house, type, provider)
    deal = _with_a_deal(house, PAYMENTS[type][0]) if type in PAYMENTS else None

    sent = sample.send(house.runtime, source, by="test")
    assert (sent.status < 300, sent.state) == (True, "accepted")
    another = sample.send(house.runtime, source, by="test")
    assert another.state == "accepted"
    monkeypatch.setattr(sample, "fresh", lambda _, same, __: same)
    first, again = (sample.send(house.runtime, source, by="test") for _ in range(2))
    assert again.status == first.status == sent.status
    if type not in UNNAMED and type != "webhook":
        assert again.state == "duplicate"
    house.settle()

    _effect(house, type, deal, sent.event)
    assert house.rows(runs, state="failed") == []


def _effect(house: House, type: str, deal: str | None, event: int | None) -> None:
    if type in PEOPLE:
        contact = _contact(house, PEOPLE[type])
        assert contact is not None
        leads = house.api("GET", f"/lists/{house.its_list('Leads')['id']}/listitems",
                          params={"contactIds": contact["id"]})["objects"]  # fmt: skip
        assert len(leads) == 1
    elif deal is not None:
        shown = house.item("Deals", deal)["shown"]
        assert shown["Status"] == "Paid"
        assert Decimal(shown["Paid Amount"]) == PAYMENTS[type][1]
        assert shown["Paid Date"]
    else:
        assert event is not None
        outcome = house.outcome(event)
        assert (outcome.state, outcome.type) == ("no_rule", OWN[type])


def _rename(monkeypatch: pytest.MonkeyPatch, type: str, old: bytes, new: str) -> None:
    """The sample, about a customer of its own."""
    usual: Callable[..., Any] = sample.chosen

    def renamed(*asked: Any) -> Any:
        found = usual(*asked)
        assert old in found.body
        return replace(found, body=found.body.replace(old, new.encode()))

    monkeypatch.setattr(sample, "chosen", renamed)


def test_every_registered_source_is_in_one_of_the_tables() -> None:
    assert {*PEOPLE, *PAYMENTS, *OWN} == {
        name for name, one in INTEGRATIONS.items() if one.source is not None
    }


def test_two_thin_notifications_of_one_kind_are_two(
    one_house: House, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made of a thin event is keyed by it, and not by its kind alone."""
    monkeypatch.setattr(connecting, "policy_of", lambda *_: INTERNAL)
    house, row = one_house, _made(one_house, "quickbooks", provider, name="mailed")
    realm = SETTINGS["realm"]
    for id in ("701", "702"):
        ANSWERS["quickbooks"][f"/v3/company/{realm}/invoice/{id}"] = {
            "Invoice": {"Id": id, "DocNumber": id, "TotalAmt": 1}
        }
        told = {"type": "qbo.invoice.emailed.v1", "intuitentityid": id, "intuitaccountid": realm,
                "time": "2026-11-24T08:00:00Z"}  # fmt: skip
        body = json.dumps([told]).encode()
        source = INTEGRATIONS["quickbooks"].source
        assert source is not None
        assert source.sign is not None
        now = house.runtime.clock.now()
        headers = dict(source.sign(body, row.config(now), now))
        assert house.post("mailed", content=body, headers=headers).status_code == 200
    house.settle()
    made = {event.id for event in house.events(source_id=row.id, kind="completion")}
    sent = [one for one in house.rows(facts, type="invoice.sent") if one.event_id in made]
    assert {one.data["number"] for one in sent} == {"701", "702"}
