"""What the clock fires: `for`, `once: per`, schedules. All of it rows, none of it a timer."""

from datetime import timedelta

from relay.pipeline import rules
from relay.storage.tables.deadlines import schedules, stays
from relay.storage.tables.deliveries import deliveries
from tests.scenarios.house import RULES, House

DEAL = "Northwind onboarding"
STALE = "stale-proposal"


def test_a_value_that_stays_long_enough_fires_once(house: House) -> None:
    house.set("Deals", DEAL, "Status", "Proposal")
    house.settle()
    (stay,) = house.rows(stays)
    assert stay.due_at - stay.since == timedelta(days=14)
    house.days_later(13)
    assert house.runs(STALE) == []
    house.days_later(1)
    (run,) = house.runs(STALE)
    assert run.state == "succeeded"
    (step,) = house.steps(run.id)
    assert step.input["subject"] == f"{DEAL} has been in Proposal since {stay.since:%Y-%m-%d}"
    assert house.events(id=run.event_id)[0].parent_id == stay.event_id
    house.days_later(100)
    assert len(house.runs(STALE)) == 1


def test_leaving_in_time_cancels(house: House) -> None:
    house.set("Deals", DEAL, "Status", "Proposal")
    house.set("Deals", DEAL, "Status", "Negotiation")
    house.settle()
    assert house.rows(stays) == []
    house.days_later()
    assert house.runs(STALE) == []


def test_who_leaves_while_the_clock_strikes_is_not_nudged(house: House) -> None:
    """The change was made first, though nobody has looked at it yet when the stay comes due."""
    house.set("Deals", DEAL, "Status", "Proposal")
    house.settle()
    house.set("Deals", DEAL, "Status", "Negotiation")
    house.days_later()
    assert house.runs(STALE) == []
    told = [house.outcome(tick.id) for tick in house.events(kind="tick")]
    assert "its stay had ended before" in {one.reason for one in told}


def test_an_edit_of_another_rule_resets_nothing_and_another_length_counts_from_the_start(
    house: House,
) -> None:
    house.set("Deals", DEAL, "Status", "Proposal")
    house.settle()
    (before,) = house.rows(stays)
    texts = rules.texts_in(RULES)
    other = {**texts, "rules/invoice.yaml": texts["rules/invoice.yaml"].replace("Due ", "Till ")}
    rules.apply(house.runtime, house.made.org, other, by="a person")
    assert house.rows(stays) == [before]
    shorter = texts["rules/stale-proposal.yaml"].replace("for: 14d", "for: 7d")
    shorter = shorter.replace("after: 13d", "after: 6d")
    rules.apply(house.runtime, house.made.org, {**texts, "rules/stale-proposal.yaml": shorter},
                by="a person")  # fmt: skip
    (after,) = house.rows(stays)
    assert (after.since, after.due_at - after.since) == (before.since, timedelta(days=7))


def test_a_second_stay_within_the_week_is_skipped_and_names_the_first(house: House) -> None:
    for _ in range(2):
        house.set("Deals", DEAL, "Status", "Proposal")
        house.settle()
        house.days_later(14)
        house.set("Deals", DEAL, "Status", "Negotiation")
        house.settle()
    first, second = house.runs(STALE)
    assert (first.state, second.state) == ("succeeded", "skipped")
    assert second.reason == f"fired for this item before: run_{first.id}"


def test_what_did_not_fire_does_not_count_for_once(house: House) -> None:
    texts = rules.texts_in(RULES)
    text = texts["rules/deal-won.yaml"].replace(
        "    owner: revops@example.com\n    when: { changed: status, list: Deals",
        "    once: item\n    when: { changed: status, list: Deals",
    )
    text = text.replace("notified: [owner]\n\n", "\n").replace("    notify: [owner]\n", "")
    rules.apply(house.runtime, house.made.org, {**texts, "rules/deal-won.yaml": text}, by="me")
    for amount in ("", "700"):
        house.set("Deals", DEAL, "Amount", amount)
        house.set("Deals", DEAL, "Status", "Deal Won")
        house.settle()
        house.set("Deals", DEAL, "Status", "Lead")
        house.settle()
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    runs = house.runs("deal-won-receipt")
    assert [run.state for run in runs] == ["filtered", "succeeded", "skipped"]
    assert runs[2].reason == f"fired for this item before: run_{runs[1].id}"


def test_a_schedule_goes_through_its_list_and_makes_up_for_one_missed_time(house: House) -> None:
    soon = house.runtime.clock.now() + timedelta(days=3)
    house.set("Deals", DEAL, "Close Date", f"{soon:%Y-%m-%d}")
    house.settle()
    (schedule,) = house.rows(schedules)
    house.days_later(30)
    (run,) = house.runs("closing-this-week")
    assert (run.state, run.about) == ("succeeded", DEAL)
    (sent,) = house.rows(deliveries, target_kind="target")
    assert DEAL in sent.body.decode()
    parent = house.events(kind="tick")[0]
    assert house.outcome(parent.id).reason == f"1 of {len(house.deals())} items of Deals"
    (then,) = house.rows(schedules)
    assert then.next_at == schedule.next_at
    house.engine.sweep()
    house.settle()
    assert len(house.runs("closing-this-week")) == 1
