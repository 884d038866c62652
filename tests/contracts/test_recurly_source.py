"""Recurly's notifications are checked, understood, completed and taken once."""

import asyncio
import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from relay.core.errors import (
    BadSignature,
    Conflict,
    NotFound,
    Unreadable,
)
from relay.core.event import ParsedEvent
from relay.integration import InboundRequest, SourceConfig
from relay.integrations.recurly import INTEGRATION, source
from relay.integrations.recurly.connector import lookup
from relay.integrations.recurly.sandbox import SANDBOX
from tests.contracts.recurly_site import NUMBER, PLAN, Site, check
from tests.contracts.sandbox_http import NOW


@pytest.fixture
def site() -> Site:
    return Site()


SIGNING = SourceConfig(name="recurly", secrets=["354fab5bd35f5a0d"])


def _arrival(body: bytes, config: SourceConfig = SIGNING, at: datetime = NOW) -> InboundRequest:
    return InboundRequest(
        method="POST",
        url="https://relay.example.com/in/recurly/t",
        headers={"content-type": "application/json", **source.sign(body, config, at)},
        body=body,
        received_at=at,
    )


def _completed(site: Site, body: bytes) -> ParsedEvent:
    (event,) = source.parse(_arrival(body), SIGNING)
    assert event.complete is False
    found = lookup(site.connection, site.http.http, NOW)
    assert INTEGRATION.source is not None
    assert INTEGRATION.source.complete is not None
    (event,) = asyncio.run(INTEGRATION.source.complete(event, found))
    assert event.complete
    return event


def test_a_payment_in_the_sandbox_comes_back_as_a_signed_notification_with_our_number(
    site: Site,
) -> None:
    site.book("subscription", PLAN)
    (document,) = SANDBOX.documents(site.http.books)
    assert (document.state, document.payable, document.customer) == ("pending", True, "Acme Ltd")
    (notice,) = SANDBOX.pay(site.http.books, document.id, NOW)
    request = _arrival(notice.body)
    source.verify(request, SIGNING)
    event = _completed(site, notice.body)
    check(site)
    assert event.type == "invoice.paid"
    assert event.data == {
        "customer_email": "ann@acme.test",
        "customer_name": "Ann Lee",
        "number": "1001",
        "our_number": NUMBER,
        "currency": "USD",
        "total": Decimal("3600.00"),
        "paid_amount": Decimal("3600.00"),
        "paid_on": "2026-11-24",
        "due_date": "2026-12-24",
        "issued_on": "2026-11-24",
    }
    assert SANDBOX.documents(site.http.books)[0].state == "paid"
    with pytest.raises(Conflict):
        SANDBOX.pay(site.http.books, document.id, NOW)
    with pytest.raises(NotFound):
        SANDBOX.pay(site.http.books, "in404", NOW)


def test_an_invoice_that_is_not_there_keeps_recurly_s_name_and_has_no_facts(site: Site) -> None:
    body = {"id": "in404", "object_type": "charge_invoice", "event_type": "paid", "site_id": "s"}
    event = _completed(site, json.dumps(body).encode())
    assert (event.type, event.data) == ("recurly.charge_invoice.paid", {})


@pytest.mark.parametrize(
    ("kind", "happened", "id", "name"),
    [
        ("payment", "succeeded", "tr0000000001", "payment.received"),
        ("subscription", "created", "su0000000001", "subscription.started"),
        ("charge_invoice", "past_due", "in0000000001", "invoice.overdue"),
    ],
)
def test_other_thin_notifications_are_completed_too(
    site: Site, kind: str, happened: str, id: str, name: str
) -> None:
    site.book("subscription", PLAN)
    SANDBOX.pay(site.http.books, "in0000000001", NOW)
    body = {
        "id": id,
        "object_type": kind,
        "site_id": "s",
        "event_type": happened,
        "event_time": "2026-11-24T09:00:00Z",
    }
    event = _completed(site, json.dumps(body).encode())
    check(site)
    assert event.type == name
    assert event.data["our_number"] == NUMBER
    assert event.data["customer_email"] == "ann@acme.test"


def test_an_empty_email_is_read_from_the_account(site: Site) -> None:
    site.ask("POST", "/accounts", {"code": "1234", "email": "Ann@Acme.test"})
    body = (INTEGRATION.folder / "samples" / "xml_charge_invoice.request.xml").read_bytes()
    event = _completed(site, body)
    assert event.data["customer_email"] == "ann@acme.test"
    assert event.data["total"] == Decimal("1000.00")


def test_an_account_that_is_gone_leaves_the_email_empty(site: Site) -> None:
    body = (INTEGRATION.folder / "samples" / "xml_charge_invoice.request.xml").read_bytes()
    assert _completed(site, body).data["customer_email"] is None


def test_the_published_vector_of_two_signatures_is_believed_in_its_five_minutes() -> None:
    path: Path = INTEGRATION.folder / "samples" / "signature_vectors.json"
    vectors = json.loads(path.read_text())
    assert vectors
    for vector in vectors:
        at = datetime.fromtimestamp(vector["now"], UTC)
        config = SourceConfig(name="recurly", secrets=[vector["secret"]])
        request = InboundRequest(
            method="POST",
            url="https://relay.example.com/in/recurly/t",
            headers=vector["headers"],
            body=vector["body"].encode(),
            received_at=at,
        )
        source.verify(request, config)
        for late in (timedelta(minutes=6), timedelta(minutes=-6)):
            with pytest.raises(BadSignature):
                source.verify(replace(request, received_at=at + late), config)


def test_a_signature_in_seconds_is_believed_as_well() -> None:
    body = b'{"id":"a"}'
    seconds = str(int(NOW.timestamp()))
    content = f"{seconds}.".encode() + body
    digest = source.SCHEME.signature(content, SIGNING.secrets[0])
    request = replace(_arrival(body), headers={"recurly-signature": f"{seconds},{digest}"})
    source.verify(request, SIGNING)


def test_unsigned_xml_is_taken_only_where_the_source_says_so() -> None:
    body = b"<new_account_notification/>"
    bare = replace(_arrival(body), headers={"content-type": "application/xml"})
    with pytest.raises(BadSignature):
        source.verify(bare, SIGNING)
    source.verify(bare, replace(SIGNING, options={"format": "xml"}))
    for typo in ({"format": "xlm"}, {"format": "xml", "auth": "bacis"}):
        with pytest.raises(BadSignature, match="option"):
            source.verify(bare, replace(SIGNING, options=typo))


def test_xml_with_basic_authentication_needs_the_password() -> None:
    config = SourceConfig(
        name="recurly", secrets=["relay:pass"], options={"format": "xml", "auth": "basic"}
    )
    body = b"<new_account_notification/>"
    source.verify(_arrival(body, config), config)
    wrong = base64.b64encode(b"relay:other").decode()
    for given in ({}, {"authorization": f"Basic {wrong}"}, {"authorization": "Basic é"}):
        bare = replace(_arrival(body), headers=given)
        with pytest.raises(BadSignature):
            source.verify(bare, config)
        assert "www-authenticate" in source.refused(bare, config).headers
    stored = source.redact(_arrival(body, config), config)
    assert "authorization" not in stored.headers


def test_two_events_about_one_invoice_have_two_keys_and_a_repeat_has_one() -> None:
    def key(**change: str) -> str | None:
        body = {
            "id": "a",
            "object_type": "charge_invoice",
            "site_id": "s",
            "event_type": "paid",
            "event_time": "2026-11-24T09:00:00Z",
        } | change
        return source.dedupe_key(_arrival(json.dumps(body).encode()), SIGNING)

    assert key() == key()
    assert len({key(), key(event_type="created"), key(event_time="x"), key(id="b")}) == 4


def test_an_xml_notification_is_known_by_its_thing_and_its_state() -> None:
    def key(state: str) -> str | None:
        body = f"<closed_invoice_notification><invoice><uuid>u</uuid><state>{state}</state>"
        body += "</invoice></closed_invoice_notification>"
        return source.dedupe_key(_arrival(body.encode()), SIGNING)

    assert key("open") == "closed_invoice_notification:u:open"
    assert key("open") != key("paid")


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a>&undefined;</a>",
        b"<a><b></a>",
        b'<?xml version="1.0" encoding="x-unknown"?><a/>',
        b"<a>" * 100 + b"</a>" * 100,
        b"<",
        b"<paid_charge_invoice_notification><invoice><total_in_cents>much</total_in_cents>"
        b"</invoice></paid_charge_invoice_notification>",
        b"<paid_charge_invoice_notification><invoice><created_at>then</created_at></invoice>"
        b"</paid_charge_invoice_notification>",
        b'{"object_type":"charge_invoice","event_type":"paid"}',
        b'{"object_type":"charge_invoice"}',
        b"[]",
    ],
)
def test_what_recurly_never_sends_is_unreadable_and_says_why(body: bytes) -> None:
    with pytest.raises(Unreadable) as problem:
        source.parse(_arrival(body), SIGNING)
    assert str(problem.value)


def test_amounts_in_a_currency_without_cents_are_left_out_of_xml() -> None:
    body = (
        b"<paid_charge_invoice_notification><account><email>a@b.co</email></account><invoice>"
        b"<uuid>u</uuid><state>paid</state><currency>JPY</currency>"
        b"<total_in_cents>120000</total_in_cents></invoice></paid_charge_invoice_notification>"
    )
    (event,) = source.parse(_arrival(body), SIGNING)
    assert event.data["total"] is None
    assert event.data["currency"] == "JPY"
