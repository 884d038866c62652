"""What a hook that does well costs: its successes are written once a second."""

from datetime import UTC, datetime, timedelta

from relay.core.successes import Successes

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SOON, LATER = NOW + timedelta(seconds=0.4), NOW + timedelta(seconds=1.1)


def note(successes: Successes, counts: dict[int, int], at: datetime) -> list[tuple[int, int]]:
    due = successes.due(counts, at)
    successes.noted(counts, (), at)
    return due


def test_the_first_is_written_at_once_and_those_of_a_second_together() -> None:
    successes = Successes()
    assert note(successes, {7: 2}, NOW) == [(7, 2)]
    assert note(successes, {7: 3, 8: 1}, SOON) == [(8, 1)]
    assert note(successes, {7: 4}, LATER) == [(7, 7)]


def test_after_a_failure_the_next_success_is_written_at_once() -> None:
    successes = Successes()
    note(successes, {7: 2}, NOW)
    note(successes, {7: 1}, SOON)
    assert successes.kept(7) == 1
    successes.noted({}, [7], SOON)
    assert successes.kept(7) == 0
    assert note(successes, {7: 1}, SOON) == [(7, 1)]


def test_what_was_not_committed_is_due_again() -> None:
    successes = Successes()
    assert successes.due({7: 2}, NOW) == [(7, 2)]
    assert successes.due({7: 2}, NOW) == [(7, 2)]
