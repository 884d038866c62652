"""Books that can be checked: deals beside their documents, in a period."""

import csv
import io
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from relay.core.errors import InvalidInput
from relay.pipeline import arrange, reconcile
from relay.pipeline.reconcile import Difference, period_of
from relay.storage.sandbox import StoredBooks
from relay.storage.tables.crm import items
from relay.storage.tables.runs import bookings
from tests.scenarios.house import House

WON = "Deal Won"


def _differences(
    house: House, since: str | None = None, until: str | None = None, *, ask: bool = False
) -> dict[tuple[str, str | None], Difference]:
    period = period_of(since, until, house.runtime.clock.now(), "UTC")
    return {
        (one.problem, one.item_name): one
        for one in reconcile.differences(house.runtime, house.made.org, period, ask=ask)
    }


def _win(house: House, deal: str = "Northwind onboarding") -> None:
    house.set("Deals", deal, "Status", WON)
    house.settle()


def test_a_deal_that_was_booked_as_it_is_does_not_appear(house: House) -> None:
    _win(house)
    assert _differences(house) == {}


def test_a_won_deal_that_was_not_booked_says_why(small_house: House) -> None:
    _win(small_house, "Granite workshop")
    arrange.pause_connection(
        small_house.runtime, small_house.made.org, "recurly", paused=True, by="ann"
    )
    _win(small_house, "Larkspur annual plan")
    found = _differences(small_house)
    assert set(found) == {
        ("not_booked", "Granite workshop"),
        ("not_booked", "Larkspur annual plan"),
    }
    assert "its condition was false" in found["not_booked", "Granite workshop"].why
    assert "held: connection recurly is paused" in found["not_booked", "Larkspur annual plan"].why


def test_amounts_that_differ_show_both(small_house: House) -> None:
    _win(small_house)
    small_house.set("Deals", "Northwind onboarding", "Amount", "1300")
    small_house.settle()
    (one,) = _differences(small_house).values()
    assert (one.problem, one.deal_amount) == ("differs", "1300")
    assert float(one.booked_amount) == 1250.0
    assert one.why == "the deal says 1300, the books say 1250.00"
    assert one.url is not None


def test_a_document_whose_deal_was_deleted_is_shown_with_its_number(house: House) -> None:
    _win(house)
    with house.runtime.db.write() as conn:
        conn.execute(delete(items).where(items.c.name == "Northwind onboarding"))
    ((problem, _),) = found = _differences(house)
    assert problem == "no_deal"
    assert found[problem, None].external_number == house.books("quickbooks")[0].number


def test_a_sale_of_which_nobody_knows_is_uncertain(small_house: House) -> None:
    small_house.fault("quickbooks", fault="timeout_after_work", times=1)
    _win(small_house)
    assert set(_differences(small_house)) == {("uncertain", "Northwind onboarding")}


def test_what_people_do_in_the_providers_books_is_seen_when_they_are_asked(
    small_house: House,
) -> None:
    _win(small_house)
    _win(small_house, "Larkspur annual plan")
    small_house.set("Enterprise Deals", "Granite rollout", "Status", WON)
    small_house.settle()
    assert _differences(small_house, ask=True) == {}
    with small_house.runtime.db.write() as conn:
        books = StoredBooks(conn, small_house.made.org, "quickbooks")
        (receipt,) = books.all("SalesReceipt")
        books.put("SalesReceipt", str(receipt["Id"]), {**receipt, "DocNumber": "renamed"})
        strange = {**receipt, "Id": "77", "DocNumber": f"CRM-{'A' * 16}", "TotalAmt": 9}
        books.put("SalesReceipt", "77", strange)
        site = StoredBooks(conn, small_house.made.org, "recurly")
        (invoice,) = site.all("invoices")
        site.put("invoices", str(invoice["id"]), {**invoice, "subtotal": 12})
        tenant = StoredBooks(conn, small_house.made.org, "zuora")
        (order,) = tenant.all("orders")
        tenant.put("orders", "other", {**order, "orderNumber": "other"})
    assert _differences(small_house) == {}
    found = _differences(small_house, ask=True)
    assert {problem for problem, _ in found} == {"not_there", "unknown", "changed_there"}
    assert found["changed_there", "Larkspur annual plan"].why == "booked as 14400.00, now 12"
    assert found["not_there", "Northwind onboarding"].connection == "quickbooks"
    assert found["unknown", None].number == f"CRM-{'A' * 16}"


def test_books_that_cannot_be_read_are_said_to_be(small_house: House) -> None:
    small_house.fault("recurly", fault="503", path="/invoices", times=9)
    ((problem, _),) = found = _differences(small_house, ask=True)
    assert problem == "not_read"
    assert "service_not_available" in found[problem, None].why


def test_only_the_period_counts(house: House) -> None:
    _win(house, "Granite workshop")
    now = house.runtime.clock.now().date()
    assert _differences(house, until=(now - timedelta(days=1)).isoformat()) == {}
    assert len(_differences(house, since=now.isoformat(), until=now.isoformat())) == 1
    _win(house)
    with house.runtime.db.write() as conn:
        ago = house.runtime.clock.now() - timedelta(days=90)
        conn.execute(update(bookings).values(booked_at=ago, created_at=ago, amount="1"))
        conn.execute(update(items).values(modified_ms=0))
    assert _differences(house) == {}


@pytest.mark.parametrize(
    ("since", "until"), [("2026-11-31", None), ("2026-12-01", "2026-11-01"), (None, "yesterday")]
)
def test_what_is_no_period_is_refused(since: str | None, until: str | None) -> None:
    with pytest.raises(InvalidInput):
        period_of(since, until, datetime(2026, 11, 24, tzinfo=UTC), "UTC")


def test_a_name_that_a_spreadsheet_would_calculate_is_text() -> None:
    empty = dict.fromkeys(one.name for one in fields(Difference))
    line = Difference(**{**empty, "problem": "differs", "item_name": "=1+1", "why": "x"})
    (_, read) = csv.reader(io.StringIO(reconcile.as_csv([line])))
    assert "'=1+1" in read
