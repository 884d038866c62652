"""Senders that only name what happened: one call through the connection tells the rest, and what
cannot be read stays what it was."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest

from relay.core import exact_json
from relay.core.errors import AuthError, NotFound, PermanentError, RetryableError
from relay.core.event import ParsedEvent
from relay.http import Http, Response
from relay.integration import Connection, InboundRequest, Lookup, SourceConfig
from relay.integrations import INTEGRATIONS
from relay.samples import inbound, samples

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TENANT = "aef86862-2015-4b6b-88bc-d89032cecc50"
XERO_INVOICE = json.loads(
    (Path(__file__).parent / "answers" / "xero_invoice.json").read_text()
)  # XeroAPI/Xero-OpenAPI, xero_accounting.yaml, commit e952d0bda362, MIT


@dataclass(slots=True)
class Kept:
    """A connection's credentials, in memory."""

    stored: Mapping[str, str]

    async def read(self) -> Mapping[str, str]:
        return self.stored

    async def replace(self, renew: Any) -> Mapping[str, str]:
        self.stored = await renew(self.stored)
        return self.stored


@dataclass(slots=True)
class Provider:
    """Answers calls by method and path; `said` is what it was asked."""

    documents: Mapping[str, object]
    said: list[dict[str, Any]] = field(default_factory=list)

    async def request(self, method: str, url: str, **asked: Any) -> Response:
        path = "/" + url.split("/", 3)[3]
        self.said.append({"method": method, "path": path, **asked})
        found = self.documents.get(f"{method} {path}", 404)
        status = found if isinstance(found, int) else 200
        body = b"{}" if isinstance(found, int) else exact_json.dumps(found).encode()
        return Response(status=status, headers={}, content=body)


def _lookup(name: str, documents: Mapping[str, object]) -> tuple[Lookup, Provider]:
    provider = Provider(documents)
    ends = datetime(2026, 11, 24, 9, 30, tzinfo=UTC).isoformat()
    connection = Connection(
        id=1, name=name, provider=name, base_url=f"https://{name}.example",
        credentials=Kept({"api_key": "k", "access_token": "t", "expires_at": ends}),
        settings={"tenant": TENANT, "account": "6BApk"},
    )  # fmt: skip
    connector = INTEGRATIONS[name].connector
    assert connector is not None
    assert connector.lookup is not None
    return connector.lookup(connection, cast("Http", provider), NOW), provider


def _completed(
    name: str, case: str, documents: Mapping[str, object], **options: object
) -> list[ParsedEvent]:
    """What becomes of each incomplete event of a sample."""
    integration = INTEGRATIONS[name]
    assert integration.source is not None
    assert integration.source.complete is not None
    (sample,) = [each for each in samples(integration) if each.name == case]
    config = SourceConfig(name=name, options={**sample.options, **options})
    request: InboundRequest = inbound(sample, sample.headers, NOW)
    lookup, _ = _lookup(name, documents)
    made: list[ParsedEvent] = []
    for event in integration.source.parse(request, config):
        if not event.complete:
            made += asyncio.run(integration.source.complete(event, lookup))
    assert all(event.complete for event in made)
    return made


def _told(events: Sequence[ParsedEvent], *facts: str) -> list[tuple[object, ...]]:
    return [(event.type, *(event.data.get(fact) for fact in facts)) for event in events]


STRIPE_INVOICE = {
    "id": "in_1RelayThinSample", "object": "invoice", "number": "A-7", "currency": "kwd",
    "total": 12345, "amount_paid": 12345, "customer": "cus_1",
    "status_transitions": {"paid_at": 1764000000, "finalized_at": 1763900000},
}  # fmt: skip
PERSON = {"email": "Ann@Example.com", "name": "Ann Lee"}
FRESH_INVOICE = {
    "invoice_number": "0042", "po_number": "CRM-AB", "customerid": 7, "create_date": "2026-11-01",
    "due_date": "2026-12-01", "amount": {"amount": "120.00", "code": "CAD"},
}  # fmt: skip
FRESH_PAYMENT = {
    "id": 1234567, "invoiceid": 9, "clientid": 7, "date": "2026-11-24",
    "amount": {"amount": "20.50", "code": "CAD"},
}  # fmt: skip
FRESH = "GET /accounting/account/6BApk"


def _fresh(name: str, document: object) -> dict[str, object]:
    return {"response": {"result": {name: document}}}


def _fresh_books(left: str) -> dict[str, object]:
    invoice = {**FRESH_INVOICE, "outstanding": {"amount": left}}
    client = {"email": "ann@example.com", "fname": "Ann", "lname": "Lee"}
    return {
        f"{FRESH}/payments/payments/1234567": _fresh("payment", FRESH_PAYMENT),
        f"{FRESH}/invoices/invoices/9": _fresh("invoice", invoice),
        f"{FRESH}/users/clients/7": _fresh("client", client),
    }


def _xero(**changed: object) -> dict[str, object]:
    invoice = {**XERO_INVOICE["Invoices"][0], **changed}
    return {f"GET /api.xro/2.0/Invoices/{invoice['InvoiceID']}": {"Invoices": [invoice]}}


def _chargebee(name: str) -> dict[str, Any]:
    (sample,) = [each for each in samples(INTEGRATIONS["chargebee"]) if each.name == name]
    found: dict[str, Any] = json.loads(sample.body)
    return found


MONEY = ("customer_email", "number", "paid_amount", "paid_on")
CASES: dict[str, tuple[str, str, dict[str, object], tuple[str, ...], list[tuple[object, ...]]]] = {
    "a thin Stripe event is read with its customer, in three decimals": (
        "stripe", "thin",
        {"GET /v1/invoices/in_1RelayThinSample": STRIPE_INVOICE, "GET /v1/customers/cus_1": PERSON},
        MONEY,
        [("invoice.paid", "ann@example.com", "A-7", Decimal("12.345"), "2025-11-24")],
    ),
    "a snapshot without an address asks for its customer": (
        "stripe", "invoice_paid", {"GET /v1/customers/cus_00000000000000": PERSON},
        MONEY,
        [("invoice.paid", "ann@example.com", "EE1DF78D-0001", Decimal("20.00"), "2022-03-26")],
    ),
    "a customer that is gone leaves the facts as they are": (
        "stripe", "subscription", {}, ("customer_email", "total"),
        [("subscription.cancelled", None, Decimal("45.00"))],
    ),
    "a thin event whose object is gone starts nothing": (
        "stripe", "thin", {}, (), [("stripe.v1.invoice.paid",)],
    ),
    "a paid Xero invoice is paid whole": (
        "xero", "invoice_update", _xero(), MONEY,
        [("invoice.paid", "liam@rockstar.com", "INV-0006", Decimal("148062.76"), "2019-03-19")],
    ),
    "a Xero invoice with a part paid tells that it was sent, and each payment": (
        "xero", "invoice_update", _xero(Status="AUTHORISED", SentToContact=True), MONEY,
        [
            ("invoice.sent", "liam@rockstar.com", "INV-0006", None, None),
            ("payment.received", "liam@rockstar.com", "INV-0006", Decimal("148062.76"),
             "2019-03-19"),
        ],
    ),
    "a bill to pay is no invoice": (
        "xero", "invoice_update", _xero(Type="ACCPAY"), (), [("xero.invoice.updated",)],
    ),
    "a FreshBooks payment that settles its invoice is that invoice paid": (
        "freshbooks", "payment_create", _fresh_books("0.00"), (*MONEY, "our_number", "total"),
        [("invoice.paid", "ann@example.com", "0042", Decimal("20.50"), "2026-11-24", "CRM-AB",
          Decimal("120.00"))],
    ),
    "a FreshBooks payment that leaves something is a payment": (
        "freshbooks", "payment_create", _fresh_books("99.50"), MONEY,
        [("payment.received", "ann@example.com", "0042", Decimal("20.50"), "2026-11-24")],
    ),
    "a FreshBooks document that is gone has no facts": (
        "freshbooks", "invoice_create", {}, (), [("freshbooks.invoice.create",)],
    ),
    "a Chargebee customer without an address is asked for": (
        "chargebee", "failed",
        {"GET /api/v2/events/ev_RelaySample2": {"event": _chargebee("failed")},
         "GET /api/v2/customers/cus_relay_2": {"customer": {"email": "o@borg.example"}}},
        ("customer_email", "total", "currency"),
        [("payment.failed", "o@borg.example", Decimal(9000), "JPY")],
    ),
    "a changed HubSpot contact is a person, a deal is itself": (
        "hubspot", "changes",
        {"GET /crm/v3/objects/0-1/4201": {"properties": {"email": "ann@example.com",
                                                         "jobtitle": "Buyer"}},
         "GET /crm/v3/objects/0-3/77001": {"properties": {"dealstage": "closedwon"}}},
        ("email", "title"),
        [("person.enriched", "ann@example.com", "Buyer"),
         ("hubspot.object.propertyChange", None, None)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_sender_only_names_is_read_through_the_connection(case: str) -> None:
    name, sample, documents, facts, expected = CASES[case]
    assert _told(_completed(name, sample, documents), *facts) == expected


def test_an_event_that_chargebee_does_not_know_of_is_believed_in_nothing() -> None:
    (event,) = _completed("chargebee", "payment", {}, confirm="yes")
    assert (event.type, dict(event.data)) == ("chargebee.unconfirmed.payment_succeeded", {})


def test_what_chargebee_s_own_api_says_counts_and_not_what_came() -> None:
    ours = _chargebee("payment")
    ours["content"]["transaction"]["amount"] = 100
    (event,) = _completed(
        "chargebee", "payment", {"GET /api/v2/events/ev_RelaySample1": {"event": ours}},
        confirm="yes",
    )  # fmt: skip
    assert event.data["paid_amount"] == Decimal("1.00")


def test_another_organisation_s_notification_is_not_asked_for_with_our_token() -> None:
    lookup, provider = _lookup("xero", _xero())
    with pytest.raises(NotFound, match="another organisation"):
        asyncio.run(lookup.get("/api.xro/2.0/Invoices/1", {"tenant": "someone-else"}))
    lookup, _ = _lookup("freshbooks", {})
    with pytest.raises(NotFound, match="another account"):
        asyncio.run(lookup.get("/accounting/account/other/invoices/invoices/1"))
    assert provider.said == []


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/v1/invoices/in_1", "//evil.example/v1", "/v1/../keys", "/v3/invoices/1",
     "/v1/invoices/in_1?expand=x"],
)  # fmt: skip
def test_a_thin_stripe_event_cannot_send_our_key_elsewhere(address: str) -> None:
    source = INTEGRATIONS["stripe"].source
    assert source is not None
    body = {"id": "evt_1", "object": "v2.core.event", "type": "v1.invoice.paid",
            "related_object": {"id": "in_1", "type": "invoice", "url": address}}  # fmt: skip
    request = InboundRequest(method="POST", url="", headers={}, body=json.dumps(body).encode(),
                             received_at=NOW)  # fmt: skip
    (event,) = source.parse(request, SourceConfig(name="stripe"))
    assert event.complete


TOKENS = {"client_id": "c", "client_secret": "s", "refresh_token": "old"}


@pytest.mark.parametrize(
    ("name", "path", "asked"),
    [
        ("xero", "/connect/token", {"auth": ("c", "s")}),
        ("freshbooks", "/auth/oauth/token", {"auth": None}),
    ],
)
def test_a_token_is_renewed_before_it_ends_and_both_are_kept(
    name: str, path: str, asked: dict[str, object]
) -> None:
    provider = Provider({
        f"POST {path}": {"access_token": "new", "refresh_token": "newer", "expires_in": 1800},
        "GET /api.xro/2.0/Organisation": {"Organisations": [{"Name": "Demo"}]},
        f"{FRESH}/users/clients": {"response": {"result": {"total": 3}}},
    })  # fmt: skip
    kept = Kept(TOKENS)
    connection = Connection(
        id=1, name=name, provider=name, base_url=f"https://{name}.example", credentials=kept,
        settings={"tenant": TENANT, "account": "6BApk"},
    )  # fmt: skip
    connector = INTEGRATIONS[name].connector
    assert connector is not None
    for _ in range(2):
        assert asyncio.run(connector.test(connection, cast("Http", provider), NOW))
    renewals = [each for each in provider.said if each["method"] == "POST"]
    assert [renewal.get("auth") for renewal in renewals] == [asked["auth"]]
    assert kept.stored["refresh_token"] == "newer"
    reads = [each for each in provider.said if each["method"] == "GET"]
    assert {each["headers"]["authorization"] for each in reads} == {"Bearer new"}


@pytest.mark.parametrize(("status", "error"), [(400, AuthError), (503, RetryableError)])
def test_a_refused_renewal_says_whether_a_person_has_to_connect_again(
    status: int, error: type[Exception]
) -> None:
    provider = Provider({"POST /connect/token": status})
    connection = Connection(
        id=1, name="xero", provider="xero", base_url="https://xero.example",
        credentials=Kept(TOKENS), settings={"tenant": TENANT},
    )  # fmt: skip
    connector = INTEGRATIONS["xero"].connector
    assert connector is not None
    with pytest.raises(error, match="did not renew"):
        asyncio.run(connector.test(connection, cast("Http", provider), NOW))


def test_freshbooks_decides_whether_a_verifier_is_its_own() -> None:
    source = INTEGRATIONS["freshbooks"].source
    assert source is not None
    (sample,) = [s for s in samples(INTEGRATIONS["freshbooks"]) if s.name == "verify"]
    request = inbound(sample, sample.headers, NOW)
    (event,) = source.parse(source.redact(request, SourceConfig(name="f")), SourceConfig(name="f"))
    brought = source.brings(request, SourceConfig(name="f"))
    assert brought is not None
    assert brought.secret not in str(event.body)
    path = "PUT /events/account/6BApk/events/callbacks/2001"
    lookup, provider = _lookup("freshbooks", {path: {"response": {}}})
    pending = {brought.id: brought.secret}
    assert asyncio.run(source.confirm(event, pending, lookup)) == "2001"
    assert provider.said[0]["json"] == {
        "callback": {"callback_id": "2001", "verifier": brought.secret}
    }
    lookup, _ = _lookup("freshbooks", {path: 400})
    with pytest.raises(PermanentError):
        asyncio.run(source.confirm(event, pending, lookup))
    with pytest.raises(PermanentError, match="kept no more"):
        asyncio.run(source.confirm(event, {}, lookup))
