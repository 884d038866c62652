"""QuickBooks bookings against its sandbox: the right customer, the right cents, and once."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from relay.core import exact_json
from relay.core.errors import (
    AuthError,
    InvalidInput,
    PermanentError,
    RetryableError,
    UnknownOutcome,
)
from relay.core.facts import a_list, a_map
from relay.integration import Deal
from relay.integrations.quickbooks.client import HOSTS, quoted
from relay.integrations.quickbooks.client import Company as Asked
from relay.integrations.quickbooks.connector import test as ask_company
from relay.integrations.quickbooks.sandbox import REALM
from tests.contracts.quickbooks_company import NUMBER, PUBLISHED, REFERENCE, Company

ONE = {"customer": "Acme Ltd", "email": "ann@acme.test", "amount": Decimal("1200.50")}


@pytest.fixture
def company() -> Iterator[Company]:
    """Whatever is said to it and by it has to be allowed by Intuit's own schemas."""
    made = Company()
    yield made
    for talk in made.talks():
        PUBLISHED.check(talk)


def _sent(company: Company, entity: str) -> dict[str, object]:
    """The last document sent."""
    return dict(a_map(company.http.sent("POST", f"/{entity}")[-1].sent))


@pytest.mark.parametrize(
    ("verb", "entity"),
    [("invoice", "Invoice"), ("sales_receipt", "SalesReceipt"), ("estimate", "Estimate")],
)
def test_a_booking_is_one_document_with_our_number(
    company: Company, verb: str, entity: str
) -> None:
    output = company.book(verb, ONE | {"date": "2026-11-23", "due_days": 30})
    [document] = company.documents()
    assert document == company.books.all(entity)[0]
    assert output.data == {
        "id": document["Id"],
        "number": NUMBER,
        "url": f"https://sandbox.test/app/{entity.lower()}?txnId={document['Id']}",
    }
    assert (output.amount, output.currency, output.found) == (Decimal("1200.50"), "USD", False)
    assert document["PrivateNote"] == REFERENCE
    assert document["TxnDate"] == "2026-11-23"
    assert document["BillEmail"] == {"Address": "ann@acme.test"}
    assert document["TotalAmt"] == Decimal("1200.50")


def test_an_invoice_is_due_and_an_estimate_valid_so_many_days_after_its_date(
    company: Company,
) -> None:
    company.book("invoice", ONE | {"date": date(2026, 11, 23), "due_days": 30})
    company.book("estimate", ONE | {"due_days": 14}, number="CRM-2", key="k2")
    assert _sent(company, "invoice")["DueDate"] == "2026-12-23"
    assert _sent(company, "estimate")["ExpirationDate"] == "2026-12-08"


@pytest.mark.parametrize(
    "given",
    ["2026-11-23", date(2026, 11, 23), datetime(2026, 11, 23, 8, tzinfo=UTC), 1795392000000,
     "1795392000", "2026-11-23T08:00:00Z"],
    ids=str,
)  # fmt: skip
def test_a_date_may_come_as_text_as_a_date_or_as_epoch_time(
    company: Company, given: object
) -> None:
    company.book("invoice", ONE | {"date": given})
    assert _sent(company, "invoice")["TxnDate"] == "2026-11-23"


def test_a_new_customer_has_what_the_contact_has(company: Company) -> None:
    company.book("invoice", ONE)
    assert _sent(company, "customer") == {
        "DisplayName": "Acme Ltd",
        "CompanyName": "Acme Ltd",
        "PrimaryEmailAddr": {"Address": "ann@acme.test"},
        "GivenName": "Ann",
        "FamilyName": "Lee",
        "PrimaryPhone": {"FreeFormNumber": "+14155552671"},
    }


def test_a_contact_of_another_address_gives_the_customer_nothing(company: Company) -> None:
    company.book("invoice", ONE | {"email": "billing@acme.test"})
    assert "GivenName" not in _sent(company, "customer")


def test_a_customer_is_found_by_address_before_name(company: Company) -> None:
    company.customer("Acme Ltd")
    mine = company.customer("Acme Holding", PrimaryEmailAddr={"Address": "ann@acme.test"})
    company.book("invoice", ONE)
    assert _sent(company, "invoice")["CustomerRef"] == {"value": mine}
    assert company.http.sent("POST", "/customer") == []


def test_a_customer_without_that_address_is_found_by_name(company: Company) -> None:
    mine = company.customer("Acme Ltd")
    company.book("invoice", ONE)
    assert _sent(company, "invoice")["CustomerRef"] == {"value": mine}


def test_of_two_customers_with_one_address_the_name_decides(company: Company) -> None:
    company.customer("Beta", PrimaryEmailAddr={"Address": "ann@acme.test"})
    mine = company.customer("Acme Ltd", PrimaryEmailAddr={"Address": "ann@acme.test"})
    company.book("invoice", ONE)
    assert _sent(company, "invoice")["CustomerRef"] == {"value": mine}


def test_two_customers_with_one_address_and_other_names_are_never_guessed(
    company: Company,
) -> None:
    company.customer("Beta", PrimaryEmailAddr={"Address": "ann@acme.test"})
    company.customer("Gamma", PrimaryEmailAddr={"Address": "ann@acme.test"})
    with pytest.raises(PermanentError, match=r"Beta \(1\), Gamma \(2\)"):
        company.book("invoice", ONE)
    assert company.documents() == []


def test_a_person_may_pin_a_customer(company: Company) -> None:
    company.customer("Beta", PrimaryEmailAddr={"Address": "ann@acme.test"})
    mine = company.customer("Gamma")
    company.settings = {**company.settings, "customers": f"Other=9, acme ltd={mine}"}
    company.book("invoice", ONE)
    assert _sent(company, "invoice")["CustomerRef"] == {"value": mine}


@pytest.mark.parametrize(
    "name",
    ["O'Brien & Sons", "D'Arcy \\ Co", "Grünwald Bäckerei GmbH", "株式会社リレー", "100% Ltd"],
)
def test_any_name_is_found_again(company: Company, name: str) -> None:
    company.book("invoice", {"customer": name, "amount": 10})
    company.book("invoice", {"customer": name, "amount": 10}, number="CRM-2", key="k2")
    assert [each["DisplayName"] for each in company.books.all("Customer")] == [name]


@pytest.mark.parametrize("name", ["Ann\u2019s Cakes", "North \u2013 South", "Be \u201cgood\u201d"])
def test_a_name_that_a_query_cannot_hold_is_found_by_its_beginning(
    company: Company, name: str
) -> None:
    company.book("invoice", {"customer": name, "amount": 10})
    company.book("invoice", {"customer": name, "amount": 10}, number="CRM-2", key="k2")
    assert [each["DisplayName"] for each in company.books.all("Customer")] == [name]


def test_a_colon_or_line_break_in_a_name_becomes_a_space(company: Company) -> None:
    company.book("invoice", {"customer": "Acme: East\n\tBranch", "amount": 10})
    assert company.books.all("Customer")[0]["DisplayName"] == "Acme East Branch"


def test_a_vendors_name_gets_a_customer_beside_it_and_only_one(company: Company) -> None:
    company.books.put("Vendor", "1", {"Id": "1", "DisplayName": "ACME LTD"})
    company.book("invoice", ONE | {"email": None})
    company.book("invoice", ONE | {"email": None}, number="CRM-2", key="k2")
    [customer] = company.books.all("Customer")
    assert str(customer["DisplayName"]).startswith("Acme Ltd (CRM ")
    assert len(company.documents()) == 2
    keys = [
        talk.request.query["requestid"] for talk in company.talks() if talk.request.method == "POST"
    ]
    assert len(keys) == len(set(keys))
    assert all(len(key) <= 50 for key in keys)


def test_a_namesake_in_other_letters_is_the_same_customer(company: Company) -> None:
    mine = company.customer("ACME ltd")
    company.book("invoice", ONE)
    assert _sent(company, "invoice")["CustomerRef"] == {"value": mine}


def test_an_inactive_customer_is_for_a_person(company: Company) -> None:
    company.customer("Acme Ltd", Active=False)
    with pytest.raises(PermanentError, match="inactive"):
        company.book("invoice", ONE)
    assert len(company.books.all("Customer")) == 1


def test_a_second_currency_gets_a_second_customer(company: Company) -> None:
    company.book("invoice", ONE)
    euros = company.book("invoice", ONE | {"currency": "eur"}, number="CRM-2", key="k2")
    company.book("invoice", ONE | {"currency": "EUR"}, number="CRM-3", key="k3")
    names = [each["DisplayName"] for each in company.books.all("Customer")]
    assert names == ["Acme Ltd", "Acme Ltd (EUR)"]
    assert euros.currency == "EUR"


def test_lines_name_their_items_and_the_rest_takes_the_connections(company: Company) -> None:
    lines = [
        {"item": "Training", "description": "Two days", "quantity": 2, "amount": "1000"},
        {"amount": Decimal("0.10")},
    ]
    company.settings = {**company.settings, "tax_code": "NON"}
    output = company.book("invoice", {"customer": "Acme Ltd", "lines": lines})
    first, second = map(a_map, a_list(_sent(company, "invoice")["Line"]))
    assert first == {
        "Amount": Decimal("1000.00"),
        "DetailType": "SalesItemLineDetail",
        "Description": "Two days",
        "SalesItemLineDetail": {
            "ItemRef": {"value": "2"},
            "Qty": 2,
            "UnitPrice": Decimal("500.00"),
            "TaxCodeRef": {"value": "NON"},
        },
    }
    assert a_map(second["SalesItemLineDetail"])["ItemRef"] == {"value": "1"}
    assert output.amount == Decimal("1000.10")


@pytest.mark.parametrize(
    ("quantity", "amount", "parts"),
    [
        (3, "100", [("3", "99.99"), ("1", "0.01")]),
        (3, 200, [("3", "199.98"), ("1", "0.02")]),
        (7, "-0.05", [("7", "0.00"), ("1", "-0.05")]),
        ("1.5", "150", [("1.5", "150.00")]),
        ("1.5", "100", [("1", "100.00")]),
        (1, "10.005", [("1", "10.01")]),
        (None, 19.99, [("1", "19.99")]),
    ],
)
def test_a_lines_cents_always_add_up(
    company: Company, quantity: object, amount: object, parts: list[tuple[str, str]]
) -> None:
    lines = [{"amount": 500}, {"amount": amount, "quantity": quantity}]
    output = company.book("invoice", {"customer": "Acme", "lines": lines})
    sent = [a_map(line) for line in a_list(_sent(company, "invoice")["Line"])][1:]
    seen = [(a_map(line["SalesItemLineDetail"])["Qty"], line["Amount"]) for line in sent]
    assert seen == [(Decimal(count), Decimal(total)) for count, total in parts]
    assert output.amount == 500 + sum(Decimal(total) for _, total in parts)


def test_a_currency_without_cents_is_booked_without_them(company: Company) -> None:
    output = company.book("invoice", {"customer": "A", "amount": "1000.4", "currency": "JPY"})
    assert output.amount == 1000


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"amount": 0}, "above zero"),
        ({"amount": "-10"}, "above zero"),
        ({"amount": "0.004"}, "above zero"),
        ({"amount": "ten"}, "not a number"),
        ({"amount": True}, "not a number"),
        ({"amount": float("nan")}, "not a number"),
        ({"amount": "1e30"}, "too large"),
        ({}, "is missing"),
        ({"lines": []}, "one line or more"),
        ({"lines": [{"amount": 5}, {"amount": -5}]}, "above zero"),
        ({"lines": [{"price": 5}]}, "has no price"),
        ({"lines": [{"amount": 5, "quantity": 0}]}, "above zero"),
        ({"lines": [{"amount": 5}], "amount": 6}, "add up to 5"),
        ({"amount": 5, "currency": "Euro"}, "three-letter"),
        ({"amount": 5, "date": "23.11.2026"}, "not a date"),
        ({"amount": 5, "due_days": -1}, "whole number of days"),
        ({"amount": 5, "customer": " : "}, "has no account with a name"),
    ],
)
def test_what_cannot_be_booked_is_refused_before_anything_is_sent(
    company: Company, params: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        company.book("invoice", {"customer": "Acme"} | params)
    assert company.http.talks == []


def test_an_item_that_is_not_there_is_for_a_person(company: Company) -> None:
    lines = [{"item": "Gold plan", "amount": 5}]
    with pytest.raises(PermanentError, match="no item 'Gold plan'"):
        company.book("invoice", {"customer": "Acme", "lines": lines})
    assert company.documents() == []


@pytest.mark.parametrize("fault", ["timeout_after_work", "slow"])
def test_a_booking_whose_answer_was_lost_is_found_and_not_made_again(
    company: Company, fault: str
) -> None:
    company.plan(fault, path="/invoice", seconds=300)
    with pytest.raises(UnknownOutcome):
        company.book("invoice", ONE)
    again = company.book("invoice", ONE, look_first=True)
    assert again.found
    assert again.data["number"] == NUMBER
    assert len(company.documents()) == 1
    assert len(company.http.sent("POST", "/invoice")) == 1


def test_a_booking_that_never_arrived_is_looked_for_and_then_made(company: Company) -> None:
    company.plan("500")
    with pytest.raises(UnknownOutcome):
        company.book("invoice", ONE | {"email": None})
    assert not company.book("invoice", ONE, look_first=True).found
    assert len(company.documents()) == 1


def test_while_an_earlier_try_is_open_a_failed_look_leaves_it_open(company: Company) -> None:
    company.plan("throttle", path="/query")
    with pytest.raises(UnknownOutcome, match="still open") as caught:
        company.book("invoice", ONE, look_first=True)
    assert caught.value.retry_after == timedelta(seconds=60)


def test_the_same_key_twice_is_one_document(company: Company) -> None:
    first = company.book("sales_receipt", ONE)
    assert company.book("sales_receipt", ONE).data == first.data
    assert len(company.documents()) == 1


def test_a_long_key_is_cut_to_what_quickbooks_takes(company: Company) -> None:
    company.book("invoice", ONE, key="k" * 80)
    assert len(company.http.sent("POST", "/invoice")[0].request.query["requestid"]) == 50


def test_our_number_on_a_strangers_document_is_for_a_person(company: Company) -> None:
    company.book("invoice", ONE, reference="somebody else")
    with pytest.raises(PermanentError, match="whose note does not say"):
        company.book("invoice", ONE, look_first=True, key="k2")
    with pytest.raises(PermanentError, match="whose note does not say"):
        company.book("invoice", ONE, key="k3")
    assert len(company.documents()) == 1


def test_a_number_that_is_taken_by_our_own_document_is_the_booking(company: Company) -> None:
    company.book("invoice", ONE)
    assert company.book("invoice", ONE, key="k2").found
    assert len(company.documents()) == 1


def test_throttled_it_waits_a_minute(company: Company) -> None:
    company.plan("throttle", path="/invoice")
    with pytest.raises(RetryableError) as caught:
        company.book("invoice", ONE)
    assert not isinstance(caught.value, UnknownOutcome)
    assert (caught.value.status, caught.value.retry_after) == (429, timedelta(seconds=60))
    assert "3001" in str(caught.value)
    assert company.documents() == []


def test_more_than_500_requests_in_a_minute_are_throttled(company: Company) -> None:
    company.book("invoice", ONE)
    minute = company.http.now.strftime("%Y-%m-%dT%H:%M")
    company.books.put("meter", "minute", {"minute": minute, "count": 500})
    with pytest.raises(RetryableError):
        company.book("invoice", ONE, key="k2")
    company.pass_time(timedelta(minutes=1))
    assert company.book("invoice", ONE, key="k3").found


def test_an_expired_token_is_renewed_once_and_the_same_request_repeated(company: Company) -> None:
    company.plan("expired_token", path="/invoice")
    company.book("invoice", ONE)
    first, second = company.http.sent("POST", "/invoice")
    assert (first.answer.status, second.answer.status) == (401, 200)
    assert first.request.query == second.request.query
    assert len(company.http.sent("POST", "/bearer")) == 2
    assert len(company.documents()) == 1


def test_a_token_is_renewed_before_it_ends_and_its_new_value_kept(company: Company) -> None:
    company.book("invoice", ONE)
    before = dict(company.kept.values)
    company.pass_time(timedelta(minutes=59, seconds=30))
    company.book("invoice", ONE, number="CRM-2", key="k2")
    after = company.kept.values
    assert before["refresh_token"] != after["refresh_token"]
    assert all(talk.answer.status == 200 for talk in company.http.talks)


def test_two_bookings_at_once_renew_the_token_once(company: Company) -> None:
    async def both() -> None:
        await asyncio.gather(
            company.perform("invoice", ONE),
            company.perform("invoice", ONE, number="CRM-2", key="k2"),
        )

    asyncio.run(both())
    assert len(company.http.sent("POST", "/bearer")) == 1
    assert len(company.documents()) == 2


def test_a_dead_refresh_token_asks_for_a_person_and_keeps_what_is_stored(company: Company) -> None:
    before = company.kept.values
    company.plan("invalid_grant")
    with pytest.raises(AuthError, match="connect QuickBooks again"):
        company.book("invoice", ONE)
    assert company.kept.values == before


def test_a_token_refused_again_after_a_renewal_asks_for_a_person(company: Company) -> None:
    company.plan("expired_token", times=2, path="/query")
    with pytest.raises(AuthError):
        company.book("invoice", ONE)


def test_a_rotated_refresh_token_is_good_once(company: Company) -> None:
    company.book("invoice", ONE)
    stolen = dict(company.kept.values)
    company.plan("expired_token")
    company.book("invoice", ONE, number="CRM-2", key="k2")
    company.kept.values = stolen | {"access_token": ""}
    with pytest.raises(AuthError):
        company.book("invoice", ONE, number="CRM-3", key="k3")


def test_another_companys_id_asks_for_a_person(company: Company) -> None:
    company.settings = {"realm": "1"}
    with pytest.raises(AuthError, match="3100"):
        company.book("invoice", ONE)
    company.settings = {}
    with pytest.raises(AuthError, match="realm"):
        company.book("invoice", ONE)


def test_the_test_of_a_connection_names_its_company(company: Company) -> None:
    company.customer("Acme Ltd")
    said = asyncio.run(ask_company(company.connection, company.http.http, company.http.now))
    assert said == f"QuickBooks company {REALM}, 1 customers"


def test_a_person_sees_the_document_behind_its_link(company: Company) -> None:
    url = str(company.book("invoice", ONE).data["url"])
    page = asyncio.run(company.http.request("GET", url))
    assert NUMBER in page.text
    assert "1200.50 USD" in page.text


def test_documents_at_intuit_have_intuits_own_page() -> None:
    company = Company()
    for host, page in (("production", "https://app.qbo.intuit.com"),
                       ("sandbox", "https://app.sandbox.qbo.intuit.com")):  # fmt: skip
        company.http.base_url = HOSTS[host]
        with pytest.raises(AssertionError, match=r"oauth\.platform\.intuit\.com"):
            company.book("invoice", ONE)  # the token comes from Intuit, not from this host
        asked = Asked(connection=company.connection, http=company.http.http, now=company.http.now)
        assert asked.page("SalesReceipt", "7") == f"{page}/app/salesreceipt?txnId=7"


def test_a_quote_and_a_backslash_in_a_query_are_escaped_before_the_url_is() -> None:
    assert quoted("Adam's") == r"'Adam\'s'"
    assert quote(quoted("Adam's"), safe="") == "%27Adam%5C%27s%27"
    assert quoted("a\\'") == r"'a\\\''"
    sent = urlsplit("https://x/?query=" + quote(quoted("Adam's"))).query
    assert parse_qs(sent)["query"] == [r"'Adam\'s'"]


def test_a_deal_without_records_is_booked_too(company: Company) -> None:
    assert company.book("invoice", ONE, deal=Deal()).data["number"] == NUMBER


def test_every_number_on_the_wire_is_exact(company: Company) -> None:
    company.book("invoice", ONE | {"amount": Decimal("0.10")})
    body = company.http.sent("POST", "/invoice")[0].request.body
    assert b'"Amount":0.10' in body
    assert exact_json.loads(body)["Line"][0]["Amount"] == Decimal("0.10")
