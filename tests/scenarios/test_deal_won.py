"""T1, T3: a won deal is booked, once, whatever happens on the way."""

from decimal import Decimal

import pytest
from sqlalchemy import delete, update

from relay.storage import connections, work
from relay.storage.tables.runs import bookings, runs, steps
from relay.storage.work import Kind
from tests.scenarios.house import House

WON, LOST = "Deal Won", "Deal Lost"


def test_a_won_deal_is_booked_in_quickbooks_and_its_number_comes_back(house: House) -> None:
    """T1."""
    house.set("Deals", "Northwind onboarding", "Status", WON)
    house.settle()
    (document,) = house.books("quickbooks")
    assert Decimal(document.amount) == Decimal("1250.00")
    item = house.item("Deals", "Northwind onboarding")
    assert item["shown"]["Receipt No"] == document.number
    (run,) = house.runs("deal-won-receipt")
    assert run.state == "succeeded"
    (attempt,) = house.attempts(run.id)
    assert [one["method"] for one in attempt.exchanges][-1] == "POST"


@pytest.mark.parametrize(
    ("provider", "list_title", "deal"),
    [
        ("recurly", "Deals", "Larkspur annual plan"),
        ("zuora", "Enterprise Deals", "Granite rollout"),
    ],
)
def test_a_won_deal_is_booked_where_its_rule_says(
    house: House, provider: str, list_title: str, deal: str
) -> None:
    """T1: Recurly, Zuora."""
    house.set(list_title, deal, "Status", WON)
    house.settle()
    assert len(house.books(provider)) == 1
    assert [row.state for row in house.bookings()] == ["booked"]


def test_a_deal_won_lost_and_won_again_books_once(house: House) -> None:
    """T3."""
    for status in (WON, LOST, WON):
        house.set("Deals", "Northwind onboarding", "Status", status)
        house.settle()
    first, second = house.runs("deal-won-receipt")
    assert (first.state, second.state) == ("succeeded", "skipped")
    (booking,) = house.bookings()
    assert second.reason == f"already booked as {booking.external_number}"
    assert len(house.books("quickbooks")) == 1


def test_a_deal_without_an_amount_is_not_booked_and_the_trace_says_why(house: House) -> None:
    house.set("Deals", "Granite workshop", "Status", WON)
    house.settle()
    (run,) = house.runs("deal-won-receipt")
    assert run.state == "filtered"
    assert {clause["text"]: clause["held"] for clause in run.clauses}[
        "item.amount != null"
    ] is False
    assert house.bookings() == []


def test_an_answer_that_was_lost_is_looked_for_and_not_sent_again(house: House) -> None:
    """T3: booked by the first try, which nobody heard of."""
    path = "/v3/company/9130350000000001/salesreceipt"
    house.fault("quickbooks", fault="timeout_after_work", path=path, times=1)
    house.set("Deals", "Northwind onboarding", "Status", WON)
    house.settle()
    (run,) = house.runs("deal-won-receipt")
    assert run.state == "waiting"
    assert [row.state for row in house.bookings()] == ["sent"]
    house.later()
    house.settle()
    (run,) = house.runs("deal-won-receipt")
    assert run.state == "succeeded"
    assert [row.outcome for row in house.attempts(run.id)] == ["unknown", "found"]
    assert len(house.books("quickbooks")) == 1


@pytest.mark.parametrize("provider", ["recurly", "zuora"])
def test_a_sale_booked_without_an_answer_is_found_there(house: House, provider: str) -> None:
    """T3."""
    path = {"recurly": "/purchases", "zuora": "/v1/orders"}[provider]
    house.fault(provider, fault="timeout_after_work", path=path, times=1)
    where = ("Deals", "Larkspur annual plan")
    if provider == "zuora":
        where = ("Enterprise Deals", "Granite rollout")
    house.set(*where, "Status", WON)
    house.settle()
    assert [row.state for row in house.bookings()] == ["sent"]
    house.later()
    house.settle()
    assert [row.state for row in house.bookings()] == ["booked"]
    assert len(house.books(provider)) == 1
    (booking,) = house.bookings()
    assert [row.outcome for row in house.attempts(booking.run_id)] == ["unknown", "found"]


def test_a_connection_that_needs_a_person_holds_the_run(house: House) -> None:
    with house.runtime.db.write() as conn:
        row = connections.connection_named(conn, house.made.org, "recurly")
        wrong = {"key": "not the key", "api_key": "not the key"}
        connections.store_credentials(conn, house.runtime.vault, row.id, wrong)
    house.set("Deals", "Larkspur annual plan", "Status", WON)
    house.settle()
    (run,) = house.runs("deal-won-subscription")
    assert run.state == "held"
    with house.runtime.db.read() as conn:
        row = connections.connection_named(conn, house.made.org, "recurly")
    assert row.state == "needs_reconnect"
    assert house.books("recurly") == []


def test_work_that_a_dead_worker_held_is_done_by_another_and_books_once(house: House) -> None:
    """T3: its lease has run out; whether it had sent the sale, nobody knows."""
    house.set("Deals", "Northwind onboarding", "Status", WON)
    house.settle()
    (run,) = house.runs("deal-won-receipt")
    with house.runtime.db.write() as conn:
        # As a worker leaves it that dies after the call and before it wrote down the answer.
        conn.execute(update(runs).where(runs.c.id == run.id).values(state="running"))
        conn.execute(update(bookings).values(state="sent", booked_at=None))
        conn.execute(delete(steps).where(steps.c.run_id == run.id))
        row = work.NewWork(id=run.id, org=run.org_id)
        work.add(house.runtime.db, conn, Kind.RUN, [row])
    house.later()
    house.settle()
    (again,) = house.runs("deal-won-receipt")
    assert again.state == "succeeded"
    assert house.attempts(run.id)[-1].outcome == "found"
    assert len(house.books("quickbooks")) == 1


def test_what_is_paid_in_recurly_comes_back_as_an_event(house: House) -> None:
    """W4: the notification is thin; the call through the connection fills it."""
    house.set("Deals", "Larkspur annual plan", "Status", WON)
    house.settle()
    (invoice,) = house.books("recurly")
    house.pay("recurly", invoice.id)
    house.settle()
    kinds = [house.outcome(row.id).type for row in house.events(kind="completion", source_id=4)]
    assert "invoice.paid" in kinds
