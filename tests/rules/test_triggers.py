"""Which rules an event meets: changes by their values, stays, globs, new records, schedules."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from rules.engine import Match, clear_to_fire, held_until, holds_value, next_time
from tests.rules.texts import rule, rules


def names(found: Iterable[Match]) -> list[str]:
    return [match.rule.id for match in found]


@pytest.mark.parametrize(
    ("trigger", "before", "after", "fires"),
    [
        ("{ changed: status, list: Deals }", "Lead", "Proposal", True),
        ("{ changed: status, list: Deals, to: Paid }", "Lead", "Paid", True),
        ("{ changed: status, list: Deals, to: Paid }", "Paid", "Lead", False),
        ("{ changed: status, list: Deals, to: [Paid, Deal Won] }", "Lead", "Deal Won", True),
        ("{ changed: status, list: Deals, from: Lead }", "Lead", "Paid", True),
        ("{ changed: status, list: Deals, from: Lead }", "Proposal", "Paid", False),
        ("{ changed: status, list: Deals, from: null }", None, "Lead", True),
        ("{ changed: status, list: Deals, from: null }", "Lead", "Paid", False),
        ("{ changed: status, list: Deals, to: null }", "Lead", "", True),
        ("{ changed: status, list: Deals, not_from: Lead }", "Lead", "Paid", False),
        ("{ changed: status, list: Deals, not_to: [Lead, Paid] }", "Proposal", "Paid", False),
        ("{ changed: status, list: Deals, not_to: [Lead, Paid] }", "Proposal", "Deal Won", True),
        ("{ changed: seats, list: Deals, to: 10 }", Decimal(5), Decimal("10.0"), True),
        ("{ changed: seats, list: Deals, to: 1 }", Decimal(5), True, False),
        ("{ changed: close_date, list: Deals, to: 2026-05-01 }", None, date(2026, 5, 1), True),
    ],
)
def test_a_change_fires_by_the_values_it_goes_from_and_to(
    trigger: str, before: object, after: object, fires: bool
) -> None:
    subject = rule(trigger).when[0].subject
    assert bool(rules(one=trigger).changed("Deals", subject, before, after)) is fires


def test_a_change_meets_only_rules_of_its_list_and_field() -> None:
    found = rules(
        here="{ changed: status, list: Deals }",
        other_list="{ changed: status, list: Leads }",
        other_field="{ changed: amount, list: Deals }",
    )
    assert names(found.changed("Deals", "status", "Lead", "Paid")) == ["here"]


def test_several_triggers_mean_any_and_the_first_that_fits_is_told() -> None:
    found = rules(
        one="[{ changed: status, list: Deals, to: Paid }, { changed: status, list: Deals }]"
    )
    (match,) = found.changed("Deals", "status", "Lead", "Paid")
    assert match.trigger == 0
    (match,) = found.changed("Deals", "status", "Lead", "Proposal")
    assert match.trigger == 1


@pytest.mark.parametrize(
    ("glob", "type", "fires"),
    [
        ("invoice.paid", "invoice.paid", True),
        ("invoice.paid", "invoice.sent", False),
        ("invoice.*", "invoice.paid", True),
        ("invoice.*", "invoice.paid.late", True),
        ("invoice.*", "invoice", False),
        ("invoice.*", "invoices.paid", False),
        ("*", "anything", True),
    ],
)
def test_a_glob_matches_one_or_more_trailing_parts(glob: str, type: str, fires: bool) -> None:
    found = rules(one=f'{{ received: "{glob}", source: quickbooks }}')
    assert bool(found.received(type, "quickbooks")) is fires
    assert not found.received(type, "another")


def test_a_new_item_meets_rules_of_its_list_and_rules_of_every_list() -> None:
    found = rules(
        leads="{ created: item, list: Leads }",
        any="{ created: item }",
        people="{ created: contact }",
    )
    assert names(found.created("item", "Leads")) == ["leads", "any"]
    assert names(found.created("item", "Deals")) == ["any"]
    assert names(found.created("contact")) == ["people"]


def test_a_disabled_rule_meets_nothing() -> None:
    off = rule("{ created: item }", "enabled: false\ndo: [{ use: stop, with: { reason: no } }]")
    assert not type(rules())([off]).created("item")


# --- for ----------------------------------------------------------------------------------------

HELD = "{ changed: status, list: Deals, to: [Proposal, Negotiation], for: 14d }"


def test_a_stay_begins_with_the_change_into_it_and_fires_nothing_at_once() -> None:
    found = rules(stale=HELD)
    assert names(found.stays("Deals", "status", "Lead", "Proposal")) == ["stale"]
    assert not found.changed("Deals", "status", "Lead", "Proposal")


def test_a_stay_goes_on_from_one_of_its_values_to_another() -> None:
    assert not rules(stale=HELD).stays("Deals", "status", "Proposal", "Negotiation")
    assert holds_value(rule(HELD).when[0], "Negotiation")


def test_a_stay_ends_with_any_other_value() -> None:
    assert not holds_value(rule(HELD).when[0], "Paid")
    assert not holds_value(rule(HELD).when[0], None)


def test_an_item_that_enters_the_list_in_the_state_is_staying_too() -> None:
    found = rules(stale=HELD, came_from_lead=HELD.replace("for:", "from: Lead, for:"))
    assert names(found.stays_of_new("Deals", {"status": "Proposal"})) == ["stale"]
    assert not found.stays_of_new("Deals", {"status": "Lead"})
    assert not found.stays_of_new("Leads", {"status": "Proposal"})


def test_a_stay_comes_due_by_the_length_the_rule_says_now() -> None:
    since = datetime(2026, 5, 1, 9, tzinfo=UTC)
    assert held_until(rule(HELD).when[0], since) == since + timedelta(days=14)


# --- schedules and once -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trigger", "after", "next"),
    [
        ('{ scheduled: "0 8 * * MON", timezone: America/New_York }',
         "2026-05-02T00:00:00+00:00", "2026-05-04T12:00:00+00:00"),
        # The organization's own zone, where the rule names none.
        ('{ scheduled: "0 8 * * *" }', "2026-05-02T00:00:00+00:00", "2026-05-02T06:00:00+00:00"),
        # 02:30 does not exist on that day in Berlin.
        ('{ scheduled: "30 2 * * *", timezone: Europe/Berlin }',
         "2026-03-28T12:00:00+00:00", "2026-03-29T01:00:00+00:00"),
        ("{ scheduled: 2h }", "2026-05-02T01:10:00+00:00", "2026-05-02T02:00:00+00:00"),
        ("{ scheduled: 2h }", "2026-05-02T02:00:00+00:00", "2026-05-02T04:00:00+00:00"),
    ],
)  # fmt: skip
def test_a_schedule_names_its_next_time(trigger: str, after: str, next: str) -> None:
    found = next_time(rule(trigger).when[0], datetime.fromisoformat(after), "Europe/Berlin")
    assert found == datetime.fromisoformat(next)


def test_an_hour_that_comes_twice_is_taken_once() -> None:
    trigger = rule('{ scheduled: "30 2 * * *", timezone: Europe/Berlin }').when[0]
    first = next_time(trigger, datetime(2026, 10, 24, 12, tzinfo=UTC), "UTC")
    assert first is not None
    second = next_time(trigger, first, "UTC")
    assert second is not None
    assert second.date() == date(2026, 10, 26)


def test_once_in_a_time_lets_fire_again_when_it_has_passed() -> None:
    last = datetime(2026, 5, 1, tzinfo=UTC)
    day = timedelta(days=1)
    assert clear_to_fire(None, day, last)
    assert not clear_to_fire(last, day, last + day - timedelta(seconds=1))
    assert clear_to_fire(last, day, last + day)
