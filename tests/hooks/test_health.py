"""When a hook is disabled, when people are warned, and when its breaker opens: pure."""

from datetime import UTC, datetime, timedelta

import pytest

from relay.core.health import Health, after

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)


def failing(start: datetime, *, every: timedelta, times: int, since: datetime) -> list[object]:
    """What each failure made of it."""
    health, found = Health(since=since), []
    for n in range(times):
        step = after(health, [False], start + every * n)
        health = step.health
        found.append(step)
    return found


def test_five_days_ten_failures_and_twelve_hours_disable() -> None:
    steps = failing(NOW, every=12 * HOUR, times=12, since=NOW)
    dead = [step.is_dead for step in steps]  # type: ignore[attr-defined]
    assert dead.index(True) == 10
    assert timedelta(days=5) <= NOW + 12 * HOUR * 10 - NOW


def test_ten_failures_in_an_hour_disable_nobody() -> None:
    steps = failing(NOW, every=6 * timedelta(minutes=1), times=30, since=NOW - timedelta(days=9))
    assert not any(step.is_dead for step in steps)  # type: ignore[attr-defined]


def test_nine_failures_disable_nobody() -> None:
    steps = failing(NOW, every=24 * HOUR, times=9, since=NOW)
    assert not any(step.is_dead for step in steps)  # type: ignore[attr-defined]


def test_people_are_warned_at_half_at_seven_tenths_and_at_nine() -> None:
    steps = failing(NOW, every=6 * HOUR, times=21, since=NOW)
    warned = [step.warning for step in steps if step.warning]  # type: ignore[attr-defined]
    assert warned == [0.5, 0.7, 0.9]


def test_one_success_clears_the_run() -> None:
    health = failing(NOW, every=12 * HOUR, times=9, since=NOW)[-1].health  # type: ignore[attr-defined]
    found = after(health, [True], NOW + 120 * HOUR).health
    assert (found.failures, found.warned, found.first_failure_at) == (0, 0, None)
    assert found.since == NOW + 120 * HOUR


def test_ten_tries_of_which_seven_failed_open_the_breaker() -> None:
    health = Health(since=NOW)
    good = after(health, [True, True, True, *[False] * 6], NOW).health
    assert not good.is_open(NOW)
    bad = after(good, [False], NOW).health
    assert bad.open_until == NOW + timedelta(seconds=30)


@pytest.mark.parametrize("turns", range(1, 8))
def test_each_failed_probe_doubles_the_pause_up_to_a_quarter_of_an_hour(turns: int) -> None:
    health, now = after(Health(since=NOW), [False] * 10, NOW).health, NOW
    for _ in range(turns):
        assert health.open_until is not None
        now = health.open_until + timedelta(seconds=1)
        health = after(health, [False], now).health
    seconds = min(30 * 2**turns, 900)
    assert health.open_until == now + timedelta(seconds=seconds)
    closed = after(health, [True], now + timedelta(hours=1)).health
    assert (closed.open_until, closed.open_seconds) == (None, 0)


def test_what_was_in_flight_when_it_opened_changes_nothing() -> None:
    health = after(Health(since=NOW), [False] * 10, NOW).health
    again = after(health, [False] * 5, NOW + timedelta(seconds=3)).health
    assert again.open_until == health.open_until


def test_the_window_is_five_minutes() -> None:
    health = after(Health(since=NOW), [False] * 9, NOW).health
    assert not after(health, [False], NOW + timedelta(minutes=6)).health.is_open(NOW)
