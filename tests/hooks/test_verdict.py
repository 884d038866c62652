"""What an answer means, and how long a delivery waits: a pure function, tried on everything."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.core.errors import BlockedTarget, RetryableError, UnknownOutcome
from relay.http import Response
from relay.pipeline.schedule import LONGEST_ASKED, OVERLOADED, STEPS, next_wait
from relay.pipeline.verdict import Verdict, judge

NOW = datetime(2026, 5, 1, 9, tzinfo=UTC)
SECONDS = [5, 30, 120, 600, 1800, 7200, 18000, 36000, 50400, 72000, 86400]


def answer(status: int, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status=status, headers=named, content=b"", at=NOW)


def verdict(response: Response | None, *, tries: int = 1, spread: float = 0.0) -> Verdict:
    error = None if response is not None else RetryableError("the connection was refused")
    return judge(response, error, tries=tries, spread=spread)


def test_twelve_tries_over_three_days() -> None:
    waits = [next_wait(n, spread=0) for n in range(1, 13)]
    assert waits == [*(timedelta(seconds=one) for one in SECONDS), None]
    assert sum(SECONDS) / 3600 == pytest.approx(75.7, abs=0.1)


@given(st.integers(1, 11), st.floats(0, 1))
def test_spread_only_ever_adds_and_has_bounds(failures: int, spread: float) -> None:
    wait = next_wait(failures, spread=spread)
    base = STEPS[failures - 1]
    assert wait is not None
    assert base <= wait <= base + min(max(base * 0.2, timedelta(seconds=2)), timedelta(minutes=15))


@given(st.integers(1, 11), st.floats(0, 1), st.integers(0, 200_000))
def test_retry_after_never_shortens_and_is_capped(n: int, spread: float, asked: int) -> None:
    plain = next_wait(n, spread=spread)
    wait = next_wait(n, spread=spread, retry_after=timedelta(seconds=asked))
    assert plain is not None
    assert wait == max(plain, min(timedelta(seconds=asked), LONGEST_ASKED))


@given(st.lists(st.integers(1, 86_400), max_size=20), st.integers(1, 25), st.floats(0, 1))
def test_a_hook_has_as_many_tries_as_its_own_schedule_says(
    steps: list[int], failures: int, spread: float
) -> None:
    own = [timedelta(seconds=one) for one in steps]
    wait = next_wait(failures, spread=spread, steps=own)
    assert (wait is None) == (failures > len(own))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_delivered(status: int) -> None:
    assert verdict(answer(status)).is_success


@pytest.mark.parametrize(
    "status", [301, 302, 307, 400, 401, 403, 404, 405, 409, 413, 415, 422, 429, 500, 501, 503]
)
def test_every_other_answer_is_worth_another_try(status: int) -> None:
    found = verdict(answer(status))
    assert (found.state, found.ends) == ("pending", None)
    assert found.wait is not None


def test_a_redirect_is_not_followed_and_says_so() -> None:
    assert "change the URL" in str(verdict(answer(302, location="https://b.example")).reason)


def test_410_ends_the_hook() -> None:
    found = verdict(answer(410))
    assert (found.state, found.wait) == ("failed", None)
    assert str(found.ends).startswith("gone")


@pytest.mark.parametrize("status", [200, 410, 500])
def test_a_receiver_can_end_its_hook_with_any_answer(status: int) -> None:
    assert verdict(answer(status, webhook_delivery="disable")).ends is not None
    assert verdict(answer(200, webhook_delivery="disable")).is_success


def test_a_receiver_can_refuse_one_message() -> None:
    found = verdict(answer(500, webhook_delivery="abort-message"))
    assert (found.state, found.wait, found.ends) == ("failed", None, None)


@pytest.mark.parametrize("status", sorted(OVERLOADED))
def test_who_is_overloaded_says_when_to_come_again(status: int) -> None:
    assert verdict(answer(status, retry_after="3600")).wait == timedelta(hours=1)
    later = format_datetime(NOW + timedelta(hours=2), usegmt=True)
    assert verdict(answer(status, retry_after=later)).wait == timedelta(hours=2)


@pytest.mark.parametrize("text", ["soon", "-5", "", "1e9", "Fri, 31 Feb 2026 00:00:00 GMT"])
def test_nonsense_in_retry_after_is_no_answer(text: str) -> None:
    assert verdict(answer(503, retry_after=text)).wait == timedelta(seconds=5)


def test_retry_after_counts_for_overload_alone() -> None:
    assert verdict(answer(500, retry_after="3600")).wait == timedelta(seconds=5)


def test_who_is_out_of_breath_is_left_alone_for_a_minute() -> None:
    assert verdict(answer(429)).wait == timedelta(seconds=60)
    slow = UnknownOutcome("it took too long")
    slow.__cause__ = TimeoutError()
    assert judge(None, slow, tries=1, spread=0).wait == timedelta(seconds=60)
    blocked = BlockedTarget("blocked target")
    assert judge(None, blocked, tries=1, spread=0).wait == timedelta(seconds=5)


def test_the_last_try_is_the_last() -> None:
    found = verdict(answer(500), tries=12)
    assert (found.state, found.wait) == ("failed", None)
    assert "last of the tries" in str(found.reason)


def test_a_try_by_hand_schedules_nothing() -> None:
    found = judge(answer(500), None, tries=2, spread=0, is_manual=True)
    assert (found.state, found.wait) == ("failed", None)
