"""Zuora's callouts are asked for credentials, understood in all their forms, and completed."""

import asyncio
import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from relay.core.errors import BadSignature, Unreadable
from relay.core.event import ParsedEvent
from relay.integration import Accepted, Deal, InboundRequest, SourceConfig
from relay.integrations.zuora import source
from relay.integrations.zuora.connector import lookup
from relay.integrations.zuora.sandbox import SANDBOX
from tests.contracts.sandbox_http import NOW
from tests.contracts.zuora_tenant import DEAL, NUMBER, Tenant, check

CONFIG = SourceConfig(name="zuora", secrets=["s3cret"])
HMAC = replace(
    CONFIG, options={"auth": "hmac", "header": "X-Sig", "signed": "{AccountId}{PaymentId}"}
)


def _arrival(
    body: object = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    method: str = "POST",
) -> InboundRequest:
    content = (
        body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    )
    return InboundRequest(
        method=method,
        url="https://relay.example.com/in/zuora/t",
        headers={"content-type": "application/json", **(headers or {})},
        body=content,
        received_at=NOW,
        query=query or {},
    )


def _one(fields: Mapping[str, object]) -> ParsedEvent:
    (event,) = source.parse(_arrival(fields), CONFIG)
    return event


def _basic(pair: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


# --- who sends ---------------------------------------------------------------------------------


def test_the_first_request_is_asked_for_credentials_and_the_second_is_an_event() -> None:
    asked = source.handshake(_arrival({"PaymentId": "p"}), CONFIG)
    assert asked is not None
    assert asked.status == 401
    assert asked.headers["www-authenticate"] == 'Basic realm="relay"'
    second = _arrival({"PaymentId": "p"}, _basic("relay:s3cret"))
    assert source.handshake(second, CONFIG) is None
    source.verify(second, CONFIG)


@pytest.mark.parametrize("pair", ["relay:other", "other:s3cret", "relay:", ":", "s3cret", ""])
def test_other_credentials_are_refused_with_a_new_question(pair: str) -> None:
    request = _arrival({}, _basic(pair))
    with pytest.raises(BadSignature):
        source.verify(request, CONFIG)
    refusal = source.refused(request, CONFIG)
    assert (refusal.status, refusal.headers) == (401, {"www-authenticate": 'Basic realm="relay"'})


def test_a_pair_of_the_tenants_own_may_be_the_secret() -> None:
    config = replace(CONFIG, secrets=["billing:pa:ss", "old:one"])
    source.verify(_arrival({}, _basic("billing:pa:ss")), config)
    source.verify(_arrival({}, _basic("old:one")), config)
    with pytest.raises(BadSignature):
        source.verify(_arrival({}, _basic("relay:billing:pa:ss")), config)


def test_a_signature_over_chosen_fields_is_checked_over_those() -> None:
    fields = {"AccountId": "a1", "PaymentId": "p1", "PaymentAmount": "10.00"}
    body = json.dumps(fields).encode()
    headers = source.sign(body, HMAC, NOW)
    assert source.handshake(_arrival(body), HMAC) is None
    source.verify(_arrival(body, headers), HMAC)
    other = json.dumps({**fields, "PaymentId": "p2"}).encode()
    less = json.dumps({"AccountId": "a1"}).encode()
    for wrong in (other, less, b"not json"):
        with pytest.raises(BadSignature):
            source.verify(_arrival(wrong, headers), HMAC)
    with pytest.raises(BadSignature):
        source.verify(_arrival(body), HMAC)


@pytest.mark.parametrize(
    "options",
    [
        {"auth": "bacis"},
        {"auth": "hmac", "signed": "fixed"},
        {"auth": "hmac", "algorithm": "md5"},
        {"auth": "hmac", "encoding": "base62"},
    ],
)
def test_settings_that_cannot_work_open_no_door(options: Mapping[str, str]) -> None:
    config = replace(CONFIG, options=options)
    with pytest.raises(BadSignature):
        source.verify(_arrival({}, {"x-zuora-signature": "0", **_basic("relay:s3cret")}), config)


def test_without_proof_only_where_the_source_says_so() -> None:
    config = replace(CONFIG, options={"auth": "token"})
    assert source.handshake(_arrival({}), config) is None
    source.verify(_arrival({}), config)


def test_the_answer_says_success_and_the_credentials_are_not_kept() -> None:
    request = _arrival({}, _basic("relay:s3cret"))
    told = Accepted(id="evt_1", duplicate=False, trace="")
    assert json.loads(source.accepted(request, told, CONFIG).body) == {"success": True}
    assert "authorization" not in source.redact(request, CONFIG).headers


# --- what was sent -----------------------------------------------------------------------------


def test_a_retry_has_the_key_of_the_first_try() -> None:
    first = _arrival({"a": "1"}, {"zuora-notification-id": "n1", "zuora-request-id": "r1"})
    retry = _arrival({"a": "1"}, {"zuora-notification-id": "n1", "zuora-request-id": "r2"})
    assert source.dedupe_key(first, CONFIG) == source.dedupe_key(retry, CONFIG) == "n1"
    bare, other = _arrival({"a": "1"}), _arrival({"a": "2"})
    assert source.dedupe_key(bare, CONFIG) == source.dedupe_key(bare, CONFIG)
    assert source.dedupe_key(bare, CONFIG) != source.dedupe_key(other, CONFIG)
    assert source.dedupe_key(_arrival(query={"a": "1"}), CONFIG) != source.dedupe_key(
        _arrival(query={"a": "2"}), CONFIG
    )


def test_json_form_and_query_say_the_same() -> None:
    fields = {"EventCategory": "Payment Declined", "BillToEmail": "a@b.co", "PaymentAmount": "5"}
    form = {"content-type": "application/x-www-form-urlencoded"}
    encoded = b"EventCategory=Payment+Declined&BillToEmail=a%40b.co&PaymentAmount=5"
    for request in (
        _arrival(fields),
        _arrival(encoded, form),
        _arrival(query=fields, method="GET"),
        _arrival(
            b"PaymentAmount=5", form, {k: fields[k] for k in ("EventCategory", "BillToEmail")}
        ),
    ):
        (event,) = source.parse(request, CONFIG)
        assert event.type == "payment.failed"
        assert event.data["customer_email"] == "a@b.co"
        assert event.data["paid_amount"] == Decimal(5)
        assert source.subject(request, CONFIG) == "a@b.co"


def test_the_text_null_is_nothing() -> None:
    event = _one(
        {
            "EventCategory": "InvoicePosted",
            "BillToEmail": "a@b.co",
            "InvoiceAmount": "null",
            "InvoiceDueDate": "",
            "AccountName": "NULL",
            "Currency": None,
        }
    )
    assert {name for name, value in event.data.items() if value is not None} == {"customer_email"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PaymentAmount", "1,200.00"),
        ("PaymentAmount", "much"),
        ("InvoiceAmount", "NaN"),
        ("PaymentEffectiveDate", "11/24/2026"),
        ("InvoiceBalance", "none left"),
    ],
)
def test_an_amount_or_day_that_is_none_is_unreadable_by_name(name: str, value: str) -> None:
    with pytest.raises(Unreadable, match=name):
        _one({"EventCategory": "PaymentProcessed", name: value})


def test_a_payment_that_leaves_a_balance_pays_no_invoice() -> None:
    fields = {
        "EventCategory": "PaymentProcessed",
        "BillToEmail": "a@b.co",
        "InvoiceNumber": "INV1",
        "InvoiceBalance": "0.01",
    }
    assert _one(fields).type == "payment.received"
    both = source.parse(_arrival({**fields, "InvoiceBalance": "0.00"}), CONFIG)
    assert [event.type for event in both] == ["payment.received", "invoice.paid"]
    assert len({event.key for event in both}) == 2


@pytest.mark.parametrize("body", [b"", b"[]", b"[{}, {}]", b"<a/>", b"{", b"\xff"])
def test_what_no_template_makes_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        source.parse(_arrival(body), CONFIG)


# --- completed ---------------------------------------------------------------------------------


def _completed(tenant: Tenant, event: ParsedEvent) -> Sequence[ParsedEvent]:
    found = lookup(tenant.connection, tenant.http.http, NOW)
    events = asyncio.run(source.complete(event, found))
    assert all(each.complete for each in events)
    return events


def test_a_payment_in_the_sandbox_comes_back_with_our_number() -> None:
    tenant = Tenant()
    tenant.book()
    (notice,) = SANDBOX.pay(tenant.books, NUMBER, NOW)
    headers = {**notice.headers, **source.sign(notice.body, CONFIG, NOW)}
    request = _arrival(notice.body, headers)
    source.verify(request, CONFIG)
    received, paid = source.parse(request, CONFIG)
    assert (received.type, paid.type) == ("payment.received", "invoice.paid")
    assert received.complete
    assert paid.complete
    assert paid.data == {
        "customer_email": "ann@acme.test",
        "customer_name": "Acme Ltd",
        "number": "INV00000001",
        "our_number": NUMBER,
        "currency": "USD",
        "total": Decimal("30000.00"),
        "paid_amount": Decimal("30000.00"),
        "paid_on": "2026-11-24",
        "due_date": "2026-12-24",
        "issued_on": "2026-11-24",
    }


def test_a_missing_email_and_balance_are_read_from_zuora() -> None:
    tenant = Tenant()
    output = tenant.book()
    SANDBOX.pay(tenant.books, NUMBER, NOW)
    event = _one(
        {
            "EventCategory": "PaymentProcessed",
            "AccountNumber": output.data["account"],
            "PaymentAmount": "30000.00",
            "InvoiceNumber": output.data["invoice"],
        }
    )
    assert event.complete is False
    received, paid = _completed(tenant, event)
    check(tenant)
    assert (received.type, paid.type) == ("payment.received", "invoice.paid")
    assert paid.data["customer_email"] == "ann@acme.test"
    assert paid.data["total"] == Decimal("30000.00")
    assert paid.data["due_date"] == "2026-12-24"


def test_an_invoice_that_is_still_open_is_not_paid() -> None:
    tenant = Tenant()
    output = tenant.book()
    event = _one(
        {
            "EventCategory": "PaymentProcessed",
            "BillToEmail": "ann@acme.test",
            "InvoiceNumber": output.data["invoice"],
        }
    )
    (only,) = _completed(tenant, event)
    assert only.type == "payment.received"


def test_an_account_without_an_address_leaves_it_empty() -> None:
    tenant = Tenant()
    tenant.book(deal=Deal(account=DEAL.account))
    (notice,) = SANDBOX.pay(tenant.books, NUMBER, NOW)
    for event in source.parse(_arrival(notice.body), CONFIG):
        assert event.complete is False
        (whole,) = _completed(tenant, event)
        assert whole.data["customer_email"] is None
        assert whole.type == event.type
