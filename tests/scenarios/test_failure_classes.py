"""Every way in which a provider can fail, met by real workers of which each is killed with -9 when
its sales have reached their providers and nothing is written down: exactly one document for each
deal, and of what happens next the outcome that the reference demands."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from relay.pipeline import connect
from relay.pipeline.sandbox import Fault, plan
from relay.storage.sandbox import StoredBooks
from tests.scenarios.house import House, open_house
from tests.scenarios.killed import SALES, Case, Site
from tests.stores import PostgreSQL

# What the worker after the dead one is told: it finds the document, books it, is told to come
# again, or nothing that it can rely on; a person is needed for the connection, or for the deal.
FOUND, BOOKED, AGAIN, LOOK, PERSON, REFUSED = (
    "found", "succeeded", "refused for now", "unknown", "not authorized", "refused",
)  # fmt: skip

OUTCOMES: Mapping[str, Mapping[str, str]] = {
    "quickbooks": {
        "slow": FOUND,
        "timeout_after_work": FOUND,
        "malformed": FOUND,
        "500": LOOK,
        "busy": LOOK,
        "internal": LOOK,
        "throttle": LOOK,  # the dead worker's sale is still to be looked for
        "no_rights": PERSON,
        "lapsed": PERSON,
        "duplicate_name": BOOKED,
        "bad_bytes": REFUSED,
        "inactive": REFUSED,
        "unknown_item": REFUSED,
        "bad_value": REFUSED,
        "no_tax": REFUSED,
        "number_taken": REFUSED,
        "closed_period": REFUSED,
        "no_quantity": REFUSED,
        "expired_token": BOOKED,
    },
    "recurly": {
        "slow": FOUND,
        "timeout_after_work": FOUND,
        "malformed": FOUND,
        "500": LOOK,
        "503": AGAIN,
        "throttle": AGAIN,
        "lock": LOOK,
        "duplicate_name": BOOKED,
        "tax": AGAIN,
        "unauthorized": PERSON,
        "no_permission": PERSON,
        "unreachable_gateway": LOOK,
        "declined": REFUSED,
        "bad_request": REFUSED,
        "missing_feature": REFUSED,
        "unknown_plan": REFUSED,
        "old_version": REFUSED,
        "invalid": REFUSED,
        "immutable": REFUSED,
    },
    "zuora": {
        "slow": FOUND,
        "timeout_after_work": FOUND,
        "malformed": FOUND,
        "500": LOOK,
        "internal": LOOK,
        "running": LOOK,
        "dead_token": BOOKED,
        "duplicate_name": BOOKED,
        "forbidden": PERSON,
        "throttle": AGAIN,
        "too_many": AGAIN,
        "lock": AGAIN,
        "temporary": AGAIN,
        "tax": REFUSED,
        "bad_value": REFUSED,
        "unknown_name": REFUSED,
        "missing": REFUSED,
        "rule": REFUSED,
        "unknown_plan": REFUSED,
        "no_method": REFUSED,
        "expired_token": BOOKED,
    },
}
ONCE = frozenset({"slow", "duplicate_name"})  # the next worker meets what this one has left behind
ALONE = "expired_token"  # the others' calls have the same token
AT_ONCE = 10  # sales of one provider that a worker has in hand


@pytest.fixture(scope="module")
def site(
    postgresql: PostgreSQL, valkey_server: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Where it has all happened: each worker ends what the last one left, and dies of its own."""
    home = tmp_path_factory.mktemp("killed")
    with (
        postgresql.database(home, tables=True) as url,
        open_house(url, home, f"unix://{valkey_server}") as house,
    ):
        site = Site(house, home, valkey_server)
        for provider, outcomes in OUTCOMES.items():
            site.deals(provider, list(outcomes))
        left: list[Case] = []
        for batch in _batches(site.cases):
            for case in batch:
                site.plan(case, late=True)
                if case.fault not in ONCE:
                    site.plan(case)
            with site.worker():
                site.end_all(left)
                site.send_all(batch)
            left = batch
        with site.worker():
            site.end_all(left)
        yield site


def _batches(cases: list[Case]) -> list[list[Case]]:
    together = [case for case in cases if case.fault != ALONE]
    of_each = [[case for case in together if case.provider == name] for name in SALES]
    rounds = range(0, max(map(len, of_each)), AT_ONCE)
    batches = [[case for mine in of_each for case in mine[at : at + AT_ONCE]] for at in rounds]
    return [*batches, [case for case in cases if case.fault == ALONE]]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("provider", "fault"),
    [(provider, fault) for provider, faults in OUTCOMES.items() for fault in faults],
)
def test_every_failure_ends_in_one_document(site: Site, provider: str, fault: str) -> None:
    """T3."""
    (case,) = [one for one in site.cases if (one.provider, one.fault) == (provider, fault)]
    kind, key = SALES[provider].documents
    with site.house.runtime.db.read() as conn:
        made = StoredBooks(conn, site.house.made.org, provider).all(kind)
    assert [row[key] for row in made].count(case.number) == 1
    assert len(made) == len(OUTCOMES[provider])
    (booking,) = [row for row in site.house.bookings() if row.item_id == case.item]
    assert (booking.state, booking.number) == ("booked", case.number)
    tries = site.house.attempts(booking.run_id)
    assert tries[0].outcome == OUTCOMES[provider][fault], [(t.outcome, t.message) for t in tries]
    assert tries[-1].outcome in (FOUND, BOOKED)


def test_a_dead_refresh_token_needs_a_person_and_books_once(small_house: House) -> None:
    org = small_house.made.org
    for name in ("expired_token", "invalid_grant"):
        path = SALES["quickbooks"].path if name == "expired_token" else None
        plan(small_house.runtime, org, "quickbooks", Fault(name=name, path=path), by="test")
    small_house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    small_house.settle()
    (run,) = small_house.runs("deal-won-receipt")
    assert (run.state, small_house.attempts(run.id)[0].outcome) == ("held", PERSON)
    connect.reconnect(small_house.runtime, org, "quickbooks", {}, by="test")
    small_house.settle()
    assert len(small_house.books("quickbooks")) == 1


def test_orders_of_one_zuora_account_are_written_one_after_the_other(small_house: House) -> None:
    """Zuora locks an account that it writes to, and refuses whoever comes meanwhile."""
    plan(small_house.runtime, small_house.made.org, "zuora",
         Fault(name="slow", path="/v1/orders", seconds=1), by="test")  # fmt: skip
    deals = ["Granite rollout", "Granite, second half"]
    small_house.another("Enterprise Deals", deals[0], deals[1])
    for deal in deals:
        small_house.set("Enterprise Deals", deal, "Status", "Deal Won")
    small_house.settle()
    first, second = (small_house.attempts(row.run_id)[0] for row in small_house.bookings())
    assert {first.outcome, second.outcome} == {"succeeded"}
    spans = sorted((posted["at"], posted["took_ms"]) for posted in map(_order, (first, second)))
    began, took = spans[0]
    assert began + timedelta(milliseconds=took) <= spans[1][0]


def _order(attempt: Any) -> Any:
    return next(one for one in attempt.exchanges if one["method"] == "POST" and
                one["url"].endswith("/v1/orders"))  # fmt: skip
