"""A run or an event is done again by a person, who is told first what will happen; a run that waits
is ended. Nothing is booked twice."""

import pytest
from sqlalchemy import delete

from relay.core.errors import Conflict
from relay.pipeline import arrange, events_again, replay, rules
from relay.pipeline.replay import CURRENT, FAILED, RAN, WHOLE, Wanted
from relay.storage.tables.deliveries import deliveries
from relay.storage.tables.events import payloads
from relay.storage.tables.work import work as waiting
from tests.scenarios.house import RULES, House

ME = "owner@relay.example"
DEAL = "Northwind onboarding"
BROKEN = (
    "        with:\n          fields: { receipt_no",
    "        with:\n          item: no-such-item\n          fields: { receipt_no",
)
LATE = """\
version: 1
rules:
  - id: came-later
    when: { changed: status, list: Deals, to: Deal Won }
    do:
      - use: quickbooks.sales_receipt
        with: { customer: Northwind, amount: 5 }
"""


def apply(house: House, *changes: tuple[str, str]) -> None:
    texts = rules.texts_in(RULES)
    for old, new in changes:
        assert old in texts["rules/deal-won.yaml"]
        texts["rules/deal-won.yaml"] = texts["rules/deal-won.yaml"].replace(old, new)
    rules.apply(house.runtime, house.made.org, texts, by=ME)


def won_and_broken(house: House) -> int:
    """A deal that was booked, by a version of its rule whose second step then failed."""
    apply(house, BROKEN)
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    (run,) = house.runs("deal-won-receipt")
    assert run.state == "failed", run.reason
    return int(run.id)


def test_failed_steps_go_on_with_the_mended_rule_and_keep_what_was_done(house: House) -> None:
    run = won_and_broken(house)
    apply(house)
    wanted = Wanted(what=FAILED, version=CURRENT)
    told = replay.foretell(house.runtime, house.made.org, run, wanted)
    assert [step["runs_again"] for step in told["steps"]] == [False, True, True]
    again = replay.replay(house.runtime, house.made.org, run, wanted, by=ME)
    house.settle()
    _, new = house.runs("deal-won-receipt")
    assert (new.id, new.replay_of, new.state) == (again, run, "succeeded")
    assert [step.state for step in house.steps(again)] == ["succeeded"] * 3
    assert house.item("Deals", DEAL)["shown"]["Receipt No"]
    assert len(house.books("quickbooks")) == 1


def test_a_whole_run_by_the_version_that_ran_books_nothing_again(house: House) -> None:
    run = won_and_broken(house)
    apply(house)
    wanted = Wanted(what=WHOLE, version=RAN)
    told = replay.foretell(house.runtime, house.made.org, run, wanted)
    (booking,) = house.bookings()
    assert told["steps"][0]["note"] == (
        f"booked already as {booking.external_number}: nothing is booked again"
    )
    again = replay.replay(house.runtime, house.made.org, run, wanted, by=ME)
    house.settle()
    (new,) = [one for one in house.runs("deal-won-receipt") if one.id == again]
    assert (new.state, new.set_hash) == ("failed", house.runs("deal-won-receipt")[0].set_hash)
    assert [step.state for step in house.steps(again)] == ["succeeded", "failed"]
    assert len(house.books("quickbooks")) == 1


def test_an_event_is_looked_at_again_by_the_live_rules(house: House) -> None:
    run = won_and_broken(house)
    apply(house)
    (before,) = house.runs("deal-won-receipt")
    told = events_again.foretell(house.runtime, house.made.org, before.event_id)
    assert ("deal-won-receipt", f"run_{run}") in [(o["rule"], o["before"]) for o in told["rules"]]
    made = events_again.replay(
        house.runtime, house.made.org, before.event_id, ["deal-won-receipt"], by=ME
    )
    house.settle()
    _, new = house.runs("deal-won-receipt")
    assert ([new.id], new.replay_of, new.state) == (made, run, "succeeded")
    assert len(house.books("quickbooks")) == 1


def test_a_rule_that_came_later_looks_at_an_event_when_it_is_asked_to(house: House) -> None:
    house.set("Deals", DEAL, "Amount", "0")
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    (filtered,) = house.runs("deal-won-receipt")
    assert filtered.state == "filtered"
    rules.apply(house.runtime, house.made.org, {"rules/late.yaml": LATE}, by=ME)
    for _ in range(2):
        events_again.replay(house.runtime, house.made.org, filtered.event_id, by=ME)
        house.settle()
    first, second = house.runs("came-later")
    assert (first.replay_of, second.replay_of) == (None, first.id)
    assert len(house.books("quickbooks")) == 1


def test_what_is_held_goes_on_or_is_cancelled_by_a_person(house: House) -> None:
    arrange.hold_bookings(house.runtime, house.made.org, held=True, by=ME)
    for deal in (DEAL, "Larkspur annual plan"):
        house.set("Deals", deal, "Status", "Deal Won")
    house.settle()
    held = [one for one in house.runs("deal-won-receipt") if one.state == "held"]
    (run,) = held
    with pytest.raises(Conflict, match="is held: it is not over yet"):
        replay.replay(house.runtime, house.made.org, run.id, Wanted(), by=ME)
    replay.cancel(house.runtime, house.made.org, run.id, by=ME)
    arrange.hold_bookings(house.runtime, house.made.org, held=False, by=ME)
    house.settle()
    assert house.books("quickbooks") == []
    assert len(house.books("recurly")) == 1
    (run,) = [one for one in house.runs("deal-won-receipt") if one.id == run.id]
    assert (run.state, run.reason) == ("cancelled", f"cancelled by {ME}")
    with pytest.raises(Conflict, match="is cancelled: it is over"):
        replay.cancel(house.runtime, house.made.org, run.id, by=ME)


def test_a_run_that_waits_for_its_next_try_is_cancelled_with_its_work(house: House) -> None:
    path = "/v3/company/9130350000000001/salesreceipt"
    house.fault("quickbooks", fault="500", path=path, times=1)
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    (run,) = house.runs("deal-won-receipt")
    assert run.state == "waiting"
    replay.cancel(house.runtime, house.made.org, run.id, by=ME)
    house.later()
    house.settle()
    assert house.runs("deal-won-receipt")[0].state == "cancelled"
    assert house.rows(waiting) == []
    assert house.books("quickbooks") == []


def test_an_event_that_could_not_be_read_is_read_again(house: House) -> None:
    house.post("website", content=b"{", headers={"content-type": "application/json"})
    house.settle()
    (event,) = house.events(kind="delivery")
    assert house.outcome(event.id).state == "unreadable"
    events_again.replay(house.runtime, house.made.org, event.id, by=ME)
    house.settle()
    assert house.outcome(event.id).state == "unreadable"


def test_a_message_that_still_waits_is_not_sent_twice_by_a_replay(house: House) -> None:
    arrange.add_target(house.runtime, house.made.org, "nobody", "http://127.0.0.1:9/", by=ME)
    text = LATE.replace("quickbooks.sales_receipt", "webhook.post").replace(
        "{ customer: Northwind, amount: 5 }", "{ to: nobody, body: { text: won } }"
    )
    rules.apply(house.runtime, house.made.org, {"rules/late.yaml": text}, by=ME)
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    (run,) = house.runs("came-later")
    replay.replay(house.runtime, house.made.org, run.id, Wanted(what=WHOLE), by=ME)
    house.settle()
    assert [one.state for one in house.runs("came-later")] == ["succeeded"] * 2
    (delivery,) = house.rows(deliveries, target_kind="target")
    assert (delivery.state, delivery.attempts) == ("pending", 1)


def test_what_is_no_longer_kept_cannot_be_done_again(house: House) -> None:
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    (run,) = house.runs("deal-won-receipt")
    with house.runtime.db.write() as conn:
        conn.execute(delete(payloads))
    whole = Wanted(what=WHOLE)
    with pytest.raises(Conflict, match="what it said is no longer kept"):
        replay.replay(house.runtime, house.made.org, run.id, whole, by=ME)
    with pytest.raises(Conflict, match="cannot be read"):
        events_again.replay(house.runtime, house.made.org, run.event_id, by=ME)
