"""QuickBooks beyond the three documents: payments, customers, settings, taxes, remembered ids."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from relay.core.errors import InvalidInput, PermanentError, UnknownOutcome
from relay.core.facts import a_list, a_map
from relay.integration import Span
from relay.integrations.quickbooks.books import books
from relay.integrations.quickbooks.connector import check
from tests.contracts.quickbooks_company import NUMBER, PUBLISHED, Company

DAY = timedelta(days=1)
ONE = {"customer": "Acme Ltd", "email": "ann@acme.test", "amount": Decimal("1200.50")}
PAID = {"invoice": NUMBER, "amount": Decimal("1200.50")}
FIRST = {"number": "CRM-PAYMENTPAYMENTAA", "key": "payment-1"}


@pytest.fixture
def company() -> Iterator[Company]:
    """Whatever is said to it and by it has to be allowed by Intuit's own schemas."""
    made = Company()
    yield made
    for talk in made.talks():
        # Half a document is not one that the schemas could allow.
        if talk.answer.body.rstrip().endswith(b"}"):
            PUBLISHED.check(talk)


def _sent(company: Company, entity: str) -> dict[str, object]:
    return dict(a_map(company.http.sent("POST", f"/{entity}")[-1].sent))


# --- payments ------------------------------------------------------------------------------------


def test_a_payment_closes_the_invoice_it_names(company: Company) -> None:
    company.book("invoice", ONE)
    output = company.book("payment", PAID | {"date": "2026-11-24"}, **FIRST)
    assert (output.amount, output.currency) == (Decimal("1200.50"), "USD")
    assert output.data["number"] == "CRM-PAYMENTPAYMENTAA"
    (invoice,) = company.books.all("Invoice")
    assert invoice["Balance"] == 0


def test_what_is_paid_beyond_an_invoice_stays_on_the_account(company: Company) -> None:
    company.book("invoice", ONE)
    company.book("payment", PAID | {"amount": 1300}, **FIRST)
    (payment,) = company.books.all("Payment")
    assert payment["UnappliedAmt"] == Decimal("99.50")


def test_a_payment_whose_answer_was_lost_is_found_and_not_made_again(company: Company) -> None:
    company.book("invoice", ONE)
    company.plan("timeout_after_work", path="/payment")
    with pytest.raises(UnknownOutcome):
        company.book("payment", PAID, **FIRST)
    assert company.book("payment", PAID, look_first=True, **FIRST).found
    assert len(company.books.all("Payment")) == 1


def test_an_invoice_that_is_paid_takes_no_second_payment(company: Company) -> None:
    company.book("invoice", ONE)
    company.book("payment", PAID, **FIRST)
    with pytest.raises(PermanentError, match="is paid already"):
        company.book("payment", PAID, number="CRM-2", key="k2")


def test_money_on_account_needs_no_invoice_but_who_paid(company: Company) -> None:
    company.settings = {**company.settings, "deposit_account": "35"}
    company.book("payment", {"customer": "Acme Ltd", "amount": 10}, **FIRST)
    assert _sent(company, "payment")["DepositToAccountRef"] == {"value": "35"}
    with pytest.raises(InvalidInput, match="who paid"):
        company.book("payment", {"amount": 10}, **FIRST)
    with pytest.raises(PermanentError, match="no invoice with the number 9"):
        company.book("payment", {"amount": 10, "invoice": "9"}, **FIRST)


# --- customers -----------------------------------------------------------------------------------


def test_a_customer_is_made_once_and_then_changed_where_it_differs(company: Company) -> None:
    given = {"customer": "Acme Ltd", "email": "ann@acme.test", "phone": "+1 555 0100"}
    made = company.book("customer", given)
    again = company.book("customer", given | {"phone": "+1 555 0199"}, key="k2")
    same = company.book("customer", given | {"phone": "+1 555 0199"}, key="k3")
    assert made.data["id"] == again.data["id"] == same.data["id"]
    (customer,) = company.books.all("Customer")
    assert a_map(customer["PrimaryPhone"])["FreeFormNumber"] == "+1 555 0199"
    assert customer["PrimaryEmailAddr"] == {"Address": "ann@acme.test"}


def test_somebody_elses_change_in_between_is_kept_and_ours_made_on_it(company: Company) -> None:
    mine = company.customer("Acme Ltd", Notes="theirs")
    company.plan("stale")
    company.book("customer", {"customer": "Acme Ltd", "phone": "+1 555 0100"})
    answers = [talk.answer.status for talk in company.http.sent("POST", "/customer")]
    assert answers == [400, 200]
    customer = company.books.get("Customer", mine)
    assert customer is not None
    assert (customer["Notes"], customer["SyncToken"]) == ("theirs", "2")


def test_a_customer_that_changes_without_end_is_for_a_person(company: Company) -> None:
    company.customer("Acme Ltd")
    company.plan("stale", times=9)
    with pytest.raises(PermanentError, match="5010"):
        company.book("customer", {"customer": "Acme Ltd", "phone": "+1 555 0100"})


def test_a_customer_once_found_is_known_by_its_id_whatever_it_is_called_then(
    company: Company,
) -> None:
    first = company.book("invoice", ONE)
    (id,) = first.customers.values()
    renamed = company.books.get("Customer", id)
    assert renamed is not None
    company.books.put("Customer", id, renamed | {"DisplayName": "Acme Holding"})
    company.book("invoice", ONE, number="CRM-2", key="k2", customers=first.customers)
    assert _sent(company, "invoice")["CustomerRef"] == {"value": id}
    assert len(company.books.all("Customer")) == 1


def test_a_known_customer_that_is_gone_is_looked_for_anew(company: Company) -> None:
    output = company.book("invoice", ONE, customers={"": "999"})
    (customer,) = company.books.all("Customer")
    assert output.customers == {"": customer["Id"]}
    assert len(company.documents()) == 1


def test_an_employee_of_the_customers_name_gets_a_customer_beside_them(company: Company) -> None:
    company.plan("duplicate_name")
    company.book("invoice", ONE)
    (customer,) = company.books.all("Customer")
    assert str(customer["DisplayName"]).startswith("Acme Ltd (CRM ")
    assert len(company.documents()) == 1


# --- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "entity"),
    [(None, "Invoice"), ("sales_receipt", "SalesReceipt"), ("estimate", "Estimate")],
)
def test_a_sale_becomes_the_document_that_the_connection_says(
    company: Company, document: str | None, entity: str
) -> None:
    company.settings = {**company.settings, "document": document}
    company.book("sale", ONE)
    assert len(company.books.all(entity)) == 1
    assert len(company.documents()) == 1


def test_what_a_rule_leaves_open_is_as_the_connection_says(company: Company) -> None:
    company.settings = {**company.settings, "due_days": "14", "currency": "EUR"}
    company.book("invoice", ONE | {"date": "2026-11-01"})
    body = _sent(company, "invoice")
    assert (body["DueDate"], body["CurrencyRef"]) == ("2026-11-15", {"value": "EUR"})
    company.book("invoice", ONE | {"due_days": 0, "currency": "USD"}, number="CRM-2", key="k2")
    assert _sent(company, "invoice")["CurrencyRef"] == {"value": "USD"}


def test_a_receipts_money_goes_to_the_account_of_the_connection(company: Company) -> None:
    company.settings = {**company.settings, "deposit_account": "35"}
    company.book("sales_receipt", ONE)
    company.book("invoice", ONE, number="CRM-2", key="k2")
    assert _sent(company, "salesreceipt")["DepositToAccountRef"] == {"value": "35"}
    assert "DepositToAccountRef" not in _sent(company, "invoice")


def test_outside_the_us_each_line_says_its_tax(company: Company) -> None:
    company.books.put("company", "1", {"country": "CA"})
    with pytest.raises(PermanentError, match="missing tax code"):
        company.book("invoice", ONE)
    assert company.documents() == []
    company.settings = {**company.settings, "tax_code": "5", "tax": "excluded"}
    lines = [{"amount": 10}, {"amount": 20, "tax_code": "6"}]
    company.book("invoice", {"customer": "Acme Ltd", "lines": lines}, key="k2")
    body = _sent(company, "invoice")
    codes = [a_map(a_map(a_map(line)["SalesItemLineDetail"])["TaxCodeRef"])["value"]
             for line in a_list(body["Line"])]  # fmt: skip
    assert codes == ["5", "6"]
    assert body["GlobalTaxCalculation"] == "TaxExcluded"


@pytest.mark.parametrize(
    "settings",
    [{"realm": "acme"}, {"document": "order"}, {"tax": "some"}, {"due_days": "soon"},
     {"currency": "Euro"}],
)  # fmt: skip
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, object]) -> None:
    (name,) = settings
    with pytest.raises(InvalidInput, match=name):
        check(settings)


# --- refusals ------------------------------------------------------------------------------------


def test_a_closed_period_says_what_a_bookkeeper_can_do(company: Company) -> None:
    company.books.put("company", "1", {"closed_until": "2026-10-31"})
    with pytest.raises(PermanentError, match="choose a later date, or open the period"):
        company.book("invoice", ONE | {"date": "2026-10-01"})
    assert company.documents() == []
    company.book("invoice", ONE | {"date": "2026-11-01"}, key="k2")
    assert len(company.documents()) == 1


def test_half_an_answer_to_a_sale_leaves_it_open_until_it_is_found(company: Company) -> None:
    company.plan("malformed")
    with pytest.raises(UnknownOutcome, match="not JSON"):
        company.book("invoice", ONE)
    assert company.book("invoice", ONE, look_first=True).found
    assert len(company.documents()) == 1


def test_its_books_are_read_as_published(company: Company) -> None:
    company.book("invoice", ONE)
    payment = company.book("payment", PAID, **FIRST)
    now, paid = company.http.now, FIRST["number"]
    span = Span(first=now - DAY, after=now + DAY, numbers=dict.fromkeys([NUMBER, "CRM-NOWHERE"]))
    invoice, received = asyncio.run(books(company.connection, company.http.http, now, span))
    assert (invoice.number, received.number) == (NUMBER, paid)
    assert (received.id, received.amount) == (payment.data["id"], Decimal("1200.50"))
    before = Span(first=now - DAY * 9, after=now - DAY, numbers={})
    assert asyncio.run(books(company.connection, company.http.http, now, before)) == []
    known = {NUMBER: None, paid: received.id, "CRM-NOWHERE": "9999"}
    found = asyncio.run(
        books(company.connection, company.http.http, now, replace(before, numbers=known))
    )
    assert [one.number for one in found] == [NUMBER, paid]
