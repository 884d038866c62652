"""Every way in which a provider can fail, driven through a worker's engine: exactly one document
for each deal, whatever happens on the way, and the outcome that the reference demands."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from relay.pipeline import connect, replay
from relay.pipeline.replay import Wanted
from relay.pipeline.sandbox import Fault, forget_faults, plan
from tests.scenarios.house import House

# What the first try comes to: it passes, is tried again, has to be looked for, needs a person for
# the connection, or is refused until a person mends the deal or the books.
PASSES, AGAIN, LOOK, PERSON, REFUSED = (
    "succeeded", "refused for now", "unknown", "not authorized", "refused",
)  # fmt: skip

FAULTS: Mapping[str, Mapping[str, str]] = {
    "quickbooks": {
        "duplicate_name": PASSES,
        "timeout_after_work": LOOK,
        "malformed": LOOK,
        "500": LOOK,
        "throttle": AGAIN,
        "expired_token": PASSES,
        "expired_token invalid_grant": PERSON,
        "closed_period": REFUSED,
    },
    "recurly": {
        "timeout_after_work": LOOK,
        "malformed": LOOK,
        "500": LOOK,
        "503": AGAIN,
        "throttle": AGAIN,
        "lock": LOOK,
        "duplicate_name": AGAIN,
        "unauthorized": PERSON,
        "declined": REFUSED,
        "unreachable_gateway": LOOK,
    },
    "zuora": {
        "duplicate_name": AGAIN,
        "timeout_after_work": LOOK,
        "malformed": LOOK,
        "500": LOOK,
        "expired_token": PASSES,
        "dead_token": PASSES,
        "forbidden": PERSON,
        "throttle": AGAIN,
        "too_many": AGAIN,
        "lock": AGAIN,
        "temporary": AGAIN,
        "internal": LOOK,
        "running": LOOK,
        "tax": REFUSED,
    },
}
WON = {
    "quickbooks": ("Deals", "Northwind onboarding"),
    "recurly": ("Deals", "Larkspur annual plan"),
    "zuora": ("Enterprise Deals", "Granite rollout"),
}
SALES = {"quickbooks": "/salesreceipt", "recurly": "/purchases", "zuora": "/v1/orders"}


@pytest.mark.parametrize("provider", FAULTS)
def test_every_failure_ends_in_one_document(small_house: House, provider: str) -> None:
    in_list, like = WON[provider]
    for number, (faults, first) in enumerate(FAULTS[provider].items(), 1):
        deal = f"Deal {number}"
        small_house.another(in_list, like, deal)
        for name in faults.split():
            plan(
                small_house.runtime,
                small_house.made.org,
                provider,
                _fault(provider, name),
                by="test",
            )
        small_house.set(in_list, deal, "Status", "Deal Won")
        small_house.settle()
        run = small_house.bookings()[-1].run_id
        assert small_house.attempts(run)[0].outcome == first, (
            faults,
            small_house.attempts(run)[0].message,
        )
        _mend(small_house, provider, run, first)
        assert small_house.bookings()[-1].state == "booked", faults
        assert len(small_house.books(provider)) == number, faults
    numbers = {row.number for row in small_house.bookings()}
    assert len(numbers) == len(FAULTS[provider])


def _fault(provider: str, name: str) -> Fault:
    """For the sale itself, unless it can only happen elsewhere."""
    elsewhere = name in ("duplicate_name", "invalid_grant") and provider == "quickbooks"
    return Fault(name=name, path=None if elsewhere else SALES[provider])


def _mend(house: House, provider: str, run: int, first: str) -> None:
    """What time does, or a person."""
    org = house.made.org
    if first == PERSON:
        connect.reconnect(house.runtime, org, provider, {}, by="test")
    if first == REFUSED:
        forget_faults(house.runtime, org, provider, by="test")
        replay.replay(house.runtime, org, run, Wanted(), by="test")
    house.settle()
    if first in (AGAIN, LOOK):
        house.later()
        house.settle()


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
