"""T3: a run that gave up is set going again by a person, and still books once."""

import pytest

from relay.core.errors import Conflict, NotFound
from relay.pipeline import replay
from relay.pipeline.replay import Wanted
from tests.scenarios.house import House

RECEIPTS = "/v3/company/9130350000000001/salesreceipt"


def test_a_run_that_gave_up_goes_on_at_its_failed_step_and_books_once(house: House) -> None:
    house.fault("quickbooks", fault="500", path=RECEIPTS, times=5)
    house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    for _ in range(6):
        house.settle()
        house.later()
    (run,) = house.runs("deal-won-receipt")
    assert run.state == "failed"
    assert house.books("quickbooks") == []
    replay.replay(house.runtime, house.made.org, run.id, Wanted(), by="owner@relay.example")
    house.settle()
    (run,) = house.runs("deal-won-receipt")
    assert (run.state, run.reason) == ("succeeded", None)
    assert [step.state for step in house.steps(run.id)] == ["succeeded"] * 3
    assert len(house.attempts(run.id)) == 6
    assert len(house.books("quickbooks")) == 1
    with pytest.raises(Conflict, match="is succeeded: it has no failed step"):
        replay.replay(house.runtime, house.made.org, run.id, Wanted(), by="owner@relay.example")


def test_nobody_sets_a_run_of_another_organization_going(house: House) -> None:
    house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    house.settle()
    (run,) = house.runs("deal-won-receipt")
    with pytest.raises(NotFound):
        replay.replay(house.runtime, house.made.org + 1, run.id, Wanted(), by="owner@rival.example")
