"""QuickBooks' notifications are believed by their signature, read in both formats, completed
through the connection, and taken once."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from relay.core.errors import BadSignature, Conflict, NotFound, Unreadable
from relay.core.event import FACTS, ParsedEvent, facts_of
from relay.core.facts import a_map
from relay.integration import InboundRequest, SourceConfig
from relay.integrations.quickbooks import sandbox
from relay.integrations.quickbooks.complete import complete
from relay.integrations.quickbooks.connector import lookup
from relay.integrations.quickbooks.source import SOURCE, dedupe_key, parse
from tests.contracts.quickbooks_company import NUMBER, PUBLISHED, Company
from tests.contracts.sandbox_http import NOW

VECTORS = [
    vector
    for vector in json.loads(
        (Path(__file__).parents[1] / "core" / "signature_vectors.json").read_text()
    )
    if vector["scheme"] == "intuit-signature"
]
SIGNING = SourceConfig(name="books", secrets=["verifier-new", "verifier-old"])
SALE = {"customer": "Acme Ltd", "email": "ann@acme.test", "amount": Decimal("1200.50")}


def _request(body: bytes, headers: Mapping[str, str] | None = None) -> InboundRequest:
    return InboundRequest(
        method="POST",
        url="https://relay.example.com/in/quickbooks/t",
        headers=headers or {},
        body=body,
        received_at=NOW,
    )


def _parsed(body: bytes) -> Sequence[ParsedEvent]:
    return parse(_request(body), SIGNING)


def _completed(company: Company, event: ParsedEvent) -> Sequence[ParsedEvent]:
    reader = lookup(company.connection, company.http.http, NOW)
    return asyncio.run(complete(event, reader))


def _told(company: Company, entity: str, id: str, operation: str = "created") -> ParsedEvent:
    """The event that QuickBooks' notification of this becomes."""
    body = {
        "type": f"qbo.{entity}.{operation}.v1",
        "time": "2026-11-24T09:00:00.123456789Z",
        "intuitentityid": id,
        "intuitaccountid": company.settings["realm"],
    }
    (event,) = _parsed(json.dumps([body]).encode())
    return event


def _payment(company: Company, total: str, covered: Mapping[str, str]) -> ParsedEvent:
    """A payment, made in the sandbox through its own API."""
    lines = [
        {"Amount": Decimal(amount), "LinkedTxn": [{"TxnId": id, "TxnType": "Invoice"}]}
        for id, amount in covered.items()
    ]
    body = {
        "CustomerRef": {"value": "1"},
        "TotalAmt": Decimal(total),
        "TxnDate": "2026-11-23",
        "Line": lines,
    }
    answer = asyncio.run(
        company.http.request(
            "POST",
            f"https://sandbox.test/v3/company/{company.settings['realm']}/payment",
            params={"minorversion": "75"},
            headers={"authorization": f"Bearer {company.kept.values['access_token']}"},
            json=body,
        )
    )
    assert answer.status == 200, answer.text
    return _told(company, "payment", answer.json()["Payment"]["Id"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_published_signatures_are_believed(vector: dict[str, object]) -> None:
    body = str(vector["body"]).encode()
    headers = {name.lower(): str(value) for name, value in a_map(vector["headers"]).items()}
    config = SourceConfig(name="books", secrets=["another", str(vector["secret"])])
    SOURCE.verify(_request(body, headers), config)
    assert SOURCE.sign(body, replace(config, secrets=[str(vector["secret"])]), NOW) == headers
    with pytest.raises(BadSignature):
        SOURCE.verify(_request(body + b" ", headers), config)
    with pytest.raises(BadSignature):
        SOURCE.verify(_request(body), config)


def test_there_are_published_signatures_to_check() -> None:
    assert len(VECTORS) == 2


def test_either_verifier_token_is_believed_while_it_is_rotated() -> None:
    for secret in SIGNING.secrets:
        headers = SOURCE.sign(b"[]", replace(SIGNING, secrets=[secret]), NOW)
        SOURCE.verify(_request(b"[]", headers), SIGNING)


def test_one_payment_told_in_both_formats_is_one_event() -> None:
    company = Company()
    invoice = company.book("invoice", SALE).data["id"]
    new, old = sandbox.pay(company.books, str(invoice), NOW)
    first, second = _parsed(new.body), _parsed(old.body)
    assert [event.key for event in first] == [event.key for event in second]
    assert [event.type for event in first] == [event.type for event in second]
    assert dedupe_key(_request(new.body), SIGNING) == dedupe_key(_request(old.body), SIGNING)
    assert [(event.type, event.complete) for event in first] == [
        ("quickbooks.payment.created", False),
        ("quickbooks.invoice.updated", True),
    ]


def test_another_change_or_another_second_has_another_key() -> None:
    company = Company()
    told = _told(company, "invoice", "1")
    assert told.key != _told(company, "invoice", "1", "emailed").key
    assert told.key != _told(company, "invoice", "2").key
    assert told.key != _told(company, "payment", "1").key


def test_a_paid_invoice_tells_who_paid_what_and_when() -> None:
    company = Company()
    company.book("invoice", SALE | {"date": "2026-11-01", "due_days": 30})
    [invoice] = company.books.all("Invoice")
    new, _ = sandbox.pay(company.books, str(invoice["Id"]), NOW)
    paid, *more = _completed(company, _parsed(new.body)[0])
    assert more == []
    assert paid.type == "invoice.paid"
    assert facts_of(paid) == {
        "customer_email": "ann@acme.test",
        "customer_name": "Acme Ltd",
        "number": NUMBER,
        "our_number": NUMBER,
        "currency": "USD",
        "total": Decimal("1200.50"),
        "paid_amount": Decimal("1200.50"),
        "paid_on": "2026-11-24",
        "due_date": "2026-12-01",
        "issued_on": "2026-11-01",
        "url": f"https://sandbox.test/app/invoice?txnId={invoice['Id']}",
    }
    for talk in company.talks():
        PUBLISHED.check(talk)


def test_a_payment_for_several_invoices_is_one_event_for_each_with_its_own_amount() -> None:
    company = Company()
    ids = [
        str(company.book("invoice", SALE, number=number, key=number).data["id"])
        for number in ("CRM-1", "CRM-2", "1003")
    ]
    told = _payment(company, "2000.50", {ids[0]: "1200.50", ids[1]: "700", ids[2]: "100"})
    events = _completed(company, told)
    seen = [
        (event.type, event.data["number"], event.data["our_number"], event.data["paid_amount"])
        for event in events
    ]
    assert seen == [
        ("invoice.paid", "CRM-1", "CRM-1", Decimal("1200.50")),
        ("payment.received", "CRM-2", "CRM-2", Decimal(700)),
        ("payment.received", "1003", None, Decimal(100)),
    ]
    assert len({event.key for event in events}) == 3
    assert all(set(event.data) <= set(FACTS[event.type]) for event in events)


def test_money_on_account_is_received_without_a_number() -> None:
    company = Company()
    company.book("invoice", SALE)
    (event,) = _completed(company, _payment(company, "50", {}))
    assert event.type == "payment.received"
    assert (event.data["paid_amount"], event.data["number"]) == (Decimal(50), None)
    assert event.data["customer_email"] == "ann@acme.test"


def test_a_payment_changed_without_its_amounts_says_nothing_new() -> None:
    company = Company()
    invoice = str(company.book("invoice", SALE).data["id"])
    told = _payment(company, "1200.50", {invoice: "1200.50"})
    payment = str(company.books.all("Payment")[0]["Id"])
    (first,) = _completed(company, told)
    (second,) = _completed(company, _told(company, "payment", payment, "updated"))
    assert first.key == second.key


@pytest.mark.parametrize(
    ("operation", "becomes"), [("created", "invoice.created"), ("emailed", "invoice.sent")]
)
def test_a_new_and_a_mailed_invoice_have_their_facts(operation: str, becomes: str) -> None:
    company = Company()
    invoice = str(company.book("invoice", SALE).data["id"])
    (event,) = _completed(company, _told(company, "invoice", invoice, operation))
    assert event.type == becomes
    assert event.data["our_number"] == NUMBER
    assert event.data["total"] == Decimal("1200.50")
    assert event.data["paid_on"] is None


def test_the_first_of_several_addresses_is_the_customers() -> None:
    company = Company()
    company.customer(
        "Acme Ltd", PrimaryEmailAddr={"Address": " not one, Ann <ANN@acme.test>, bob@acme.test"}
    )
    invoice = str(company.book("invoice", SALE | {"email": None}).data["id"])
    (event,) = _completed(company, _told(company, "invoice", invoice))
    assert event.data["customer_email"] == "ann@acme.test"


@pytest.mark.parametrize("entity", ["payment", "invoice"])
def test_what_was_deleted_meanwhile_stays_without_facts(entity: str) -> None:
    company = Company()
    (event,) = _completed(company, _told(company, entity, "99"))
    assert (event.type, event.complete) == (f"quickbooks.{entity}.created", True)
    assert event.data == {}


def test_another_companys_change_is_not_asked_for() -> None:
    company = Company()
    told = _told(company, "payment", "1")
    company.settings = {"realm": "1"}
    (event,) = _completed(company, told)
    assert event.complete
    assert company.http.talks == []


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{}", "neither"),
        (b"7", "neither"),
        (b"not json", "JSON"),
        (b'[{"type":"qbo.invoice.created.v1"}]', r"\[0\]\.intuitaccountid"),
        (b"[7]", r"\[0\]\.type"),
        (b'[{"type":"mail.sent"}]', r"\[0\]\.type is not"),
        (b'{"eventNotifications":[{}]}', r"eventNotifications\[0\]\.realmId"),
        (
            b'{"eventNotifications":[{"realmId":"1","dataChangeEvent":{"entities":[{"name":"X"}]}}]}',
            r"entities\[0\]\.id",
        ),
    ],
)
def test_what_is_not_documented_is_unreadable_and_says_where(body: bytes, place: str) -> None:
    with pytest.raises(Unreadable, match=place):
        _parsed(body)
    assert dedupe_key(_request(body), SIGNING) is None


def test_an_empty_batch_is_nothing() -> None:
    assert _parsed(b"[]") == []
    assert dedupe_key(_request(b"[]"), SIGNING) is None


def test_an_invoice_is_paid_once_and_only_invoices_are() -> None:
    company = Company()
    invoice = str(company.book("invoice", SALE).data["id"])
    estimate = str(company.book("estimate", SALE, number="CRM-2", key="k2").data["id"])
    sandbox.pay(company.books, invoice, NOW)
    with pytest.raises(Conflict):
        sandbox.pay(company.books, invoice, NOW)
    with pytest.raises(NotFound):
        sandbox.pay(company.books, estimate, NOW)


def test_the_books_show_the_newest_first_and_what_can_be_paid() -> None:
    company = Company()
    company.book("invoice", SALE)
    company.pass_time(timedelta(minutes=1))
    company.book("sales_receipt", SALE, number="CRM-2", key="k2")
    company.book("estimate", SALE, number="CRM-3", key="k3")
    rows = sandbox.documents(company.books)
    assert [(row.kind, row.number, row.state, row.payable) for row in rows] == [
        ("estimate", "CRM-3", "pending", False),
        ("sales receipt", "CRM-2", "paid", False),
        ("invoice", NUMBER, "open", True),
    ]
    sandbox.pay(company.books, rows[2].id, NOW)
    assert sandbox.documents(company.books)[2].state == "paid"
    assert rows[2].amount == "1200.50"
