"""What is told of Relay itself: sources that refuse or fall silent, rules that were paused."""

from datetime import UTC, datetime, timedelta

import jsonschema_rs
import pytest
from sqlalchemy import update

from relay.core.catalogue import CATALOGUE
from relay.core.rhythm import rhythm, told
from relay.storage.tables.events import events, refusals, source_watch
from tests.hooks.hooked import Hooked

HOUR = timedelta(hours=1)
NOW = datetime(2026, 5, 4, 9, tzinfo=UTC)


def hears(hooked: Hooked, type: str) -> list[dict[str, object]]:
    found = [one.json for one in hooked.receiver.to("/operations")]
    for one in found:
        assert not list(jsonschema_rs.iter_errors(CATALOGUE[type].schema, one)), one
    return found


def sweep(hooked: Hooked) -> None:
    """A minute later."""
    with hooked.house.runtime.db.write() as conn:
        conn.execute(update(source_watch).values(looked_at=NOW - 1000 * HOUR))
    hooked.house.engine.sweep()
    hooked.house.settle()


def test_a_source_that_refuses_what_comes_is_told_once_an_hour(both: Hooked) -> None:
    both.subscribe("source.*", path="/operations")
    for _ in range(5):
        assert both.house.post("quickbooks", content=b"{}").status_code == 401
    for _ in range(2):
        sweep(both)
    (one,) = hears(both, "source.verification_failing")
    assert (one["source"], one["sender"], one["count"]) == ("quickbooks", "quickbooks", 5)
    assert str(one["link"]).endswith("/sources/quickbooks")


def test_what_was_refused_just_before_the_full_hour_is_told_after_it(hooked: Hooked) -> None:
    hooked.subscribe("source.*", path="/operations")
    for _ in range(5):
        hooked.house.post("quickbooks", content=b"{}")
    hour = hooked.house.runtime.clock.now().replace(minute=0, second=0, microsecond=0)
    with hooked.house.runtime.db.write() as conn:
        conn.execute(update(refusals).values(hour=hour - HOUR))
    for _ in range(2):
        sweep(hooked)
    assert len(hears(hooked, "source.verification_failing")) == 1


def test_a_source_that_falls_silent_is_told_once_for_each_silence(both: Hooked) -> None:
    both.subscribe("source.silent", path="/operations")
    for n in range(11):
        both.house.post("website", data={"email": f"kim{n}@example.com"})
    both.house.settle()
    sweep(both)
    assert hears(both, "source.silent") == []
    with both.house.runtime.db.write() as conn:
        conn.execute(update(events).values(received_at=_earlier(both)))
        conn.execute(update(source_watch).values(longest=0.0))
    for _ in range(2):
        sweep(both)
    (one,) = hears(both, "source.silent")
    assert one["source"] == "website"
    assert str(one["reason"]).startswith("nothing came for 9 hours")
    both.house.post("website", data={"email": "kim@example.com"})
    both.house.settle()
    sweep(both)
    assert len(hears(both, "source.silent")) == 1


def _earlier(hooked: Hooked) -> datetime:
    return hooked.house.runtime.clock.now() - 9 * HOUR


def test_a_rule_that_a_person_pauses_is_told_once(hooked: Hooked) -> None:
    hooked.subscribe("rule.*", path="/operations")
    for _ in range(2):
        hooked.do("POST", "/rules/deal-won-receipt/pause")
    hooked.do("POST", "/rules/deal-won-receipt/resume")
    hooked.house.settle()
    (one,) = hears(hooked, "rule.disabled")
    assert (one["rule"], one["reason"]) == ("deal-won-receipt", "paused by key first key")


def test_whoever_asks_for_everything_hears_of_the_business_alone(hooked: Hooked) -> None:
    hooked.subscribe("*", path="/operations")
    hooked.do("POST", "/rules/deal-won-receipt/pause")
    hooked.house.settle()
    assert hooked.receiver.requests == []


@pytest.mark.parametrize(
    ("gap", "longest", "since", "silent"),
    [
        (HOUR, 0 * HOUR, 4 * HOUR, False),
        (HOUR, 0 * HOUR, 6 * HOUR, True),
        (HOUR, 14 * HOUR, 15 * HOUR, False),  # a night is usual once it was seen
        (HOUR, 14 * HOUR, 20 * HOUR, True),
        (HOUR / 600, 0 * HOUR, HOUR / 2, False),  # a pause of half an hour alarms nobody
        (HOUR / 600, 0 * HOUR, 2 * HOUR, True),
    ],
)
def test_silence_is_what_is_out_of_the_ordinary(
    gap: timedelta, longest: timedelta, since: timedelta, *, silent: bool
) -> None:
    found = rhythm([NOW - gap * n for n in range(12)], longest)
    assert found is not None
    assert found.is_silent(since) is silent


def test_of_a_few_events_there_is_no_saying_what_is_usual() -> None:
    assert rhythm([NOW - HOUR * n for n in range(9)], 0 * HOUR) is None
    assert [told(HOUR * 50), told(HOUR * 9), told(HOUR / 2)] == ["2 days", "9 hours", "30 minutes"]
