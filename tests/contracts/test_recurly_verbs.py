"""Recurly beyond a purchase: accounts, pending charges, how it is paid, and what goes wrong."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from relay.core.errors import (
    AuthError,
    InvalidInput,
    PermanentError,
    RetryableError,
    UnknownOutcome,
)
from relay.core.facts import a_map
from relay.integration import Span
from relay.integrations.recurly.books import books
from relay.integrations.recurly.connector import HOSTS, check
from tests.contracts.recurly_site import AMOUNT, NUMBER, PLAN, PUBLISHED, Site

DAY = timedelta(days=1)
ACCOUNT = {"account_code": "acme", "email": "ann@acme.test", "company": "Acme Ltd"}


@pytest.fixture
def site() -> Iterator[Site]:
    """Whatever is said to it and by it has to be allowed by Recurly's own document."""
    made = Site()
    yield made
    for talk in made.http.talks:
        if talk.answer.body.rstrip().endswith(b"}"):  # half a document is not published
            PUBLISHED.check(talk)


def test_an_account_is_made_once_and_then_changed_where_it_differs(site: Site) -> None:
    made = site.book("account", ACCOUNT)
    again = site.book("account", ACCOUNT | {"company": "Acme Group"}, key="k2")
    site.book("account", ACCOUNT | {"company": "Acme Group"}, key="k3")
    assert made.data["id"] == again.data["id"]
    assert [talk.request.method for talk in site.http.talks] == ["GET", "POST", "GET", "PUT", "GET"]
    (account,) = site.http.books.all("accounts")
    assert (account["company"], account["email"]) == ("Acme Group", "ann@acme.test")


def test_what_is_pending_on_an_account_becomes_one_invoice_with_our_number(site: Site) -> None:
    site.book("account", ACCOUNT)
    for id, amount in (("p1", 10), ("p2", 20)):
        line = {"id": id, "account_code": "acme", "unit_amount": amount, "description": id}
        site.http.books.put("pending", id, line)
    given = {"account_code": "acme", "currency": "USD"}
    output = site.book("invoice", given, key="k2")
    assert output.amount == 30
    assert site.book("invoice", given, key="k3", look_first=True).found
    assert site.invoices() == 1
    with pytest.raises(PermanentError, match="no charges to invoice"):
        site.book("invoice", given, key="k4", number="CRM-2")


def test_a_card_is_charged_only_where_the_rule_asks_for_it(site: Site) -> None:
    site.book("subscription", PLAN)
    assert a_map(site.http.sent("POST", "/purchases")[0].sent)["collection_method"] == "manual"
    with pytest.raises(PermanentError, match=r"billing_info can't be blank"):
        site.book("purchase", AMOUNT | {"collection": "automatic"}, key="k2", number="CRM-2")
    sent = a_map(site.http.sent("POST", "/purchases")[1].sent)
    assert sent["collection_method"] == "automatic"
    assert "net_terms" not in sent
    with pytest.raises(InvalidInput, match="manual or automatic"):
        site.book("purchase", AMOUNT | {"collection": "card"})


@pytest.mark.parametrize(
    ("fault", "meaning", "said"),
    [
        ("declined", PermanentError, "Ask for another card"),
        ("unreachable_gateway", UnknownOutcome, "gateway did not answer"),
        ("malformed", UnknownOutcome, "not JSON"),
        ("500", UnknownOutcome, "internal_server_error"),
        ("503", RetryableError, "service_not_available"),
        ("throttle", RetryableError, "rate_limited"),
        ("duplicate_name", RetryableError, "has already been taken"),
        ("unauthorized", AuthError, "unauthorized"),
    ],
)
def test_each_failure_says_what_it_means_and_one_document_comes_of_it(
    site: Site, fault: str, meaning: type[Exception], said: str
) -> None:
    site.fault(fault)
    with pytest.raises(meaning, match=said) as caught:
        site.book("purchase", AMOUNT)
    if meaning is not UnknownOutcome:
        assert not isinstance(caught.value, UnknownOutcome)
    undecided = isinstance(caught.value, UnknownOutcome)
    site.book("purchase", AMOUNT, key="key-1" if undecided else "key-2", look_first=undecided)
    assert site.invoices() == 1


def test_a_site_lives_in_its_region() -> None:
    assert HOSTS == {"us": "https://v3.recurly.com", "eu": "https://v3.eu.recurly.com"}


@pytest.mark.parametrize(
    "settings", [{"net_terms": "a month"}, {"site": "https://acme.recurly.com"}]
)
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, object]) -> None:
    (name,) = settings
    with pytest.raises(InvalidInput, match=name):
        check(settings)


def test_its_books_are_read_as_published(site: Site) -> None:
    made = site.book("purchase", AMOUNT)
    now = site.http.now
    span = Span(first=now - DAY, after=now + DAY, numbers={NUMBER: None, "CRM-NOWHERE": None})
    (one,) = asyncio.run(books(site.connection, site.http.http, now, span))
    assert one.number == NUMBER
    before = Span(first=now - DAY * 9, after=now - DAY, numbers={})
    assert asyncio.run(books(site.connection, site.http.http, now, before)) == []
    known = {NUMBER: str(made.data["id"]), "CRM-NOWHERE": "nowhere"}
    found = asyncio.run(books(site.connection, site.http.http, now, replace(before, numbers=known)))
    assert [one.number for one in found] == [NUMBER]
