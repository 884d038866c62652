"""Isolation: who may be in flight when; and proof 4, that an outage's retries come back spread."""

import random
from collections import Counter

from relay.pipeline.berths import EACH, OF_LANE, OF_ORG, OF_SLOW, PLACES, SLOW, Berths
from relay.pipeline.schedule import next_wait
from relay.storage.sends import BULK, FIRST, LATER


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def fill(berths: Berths, lane: int, targets: range, each: int, org: int | None = None) -> int:
    """Takes as many places as it is given; how many those are."""
    first = (10 * (org or 0) + lane) * 1_000_000
    ids = iter(range(first, first + 100_000))
    return sum(
        berths.take(next(ids), target, target if org is None else org, lane)
        for target in targets
        for _ in range(each)
    )


def test_later_tries_and_bulk_never_take_the_places_of_first_ones() -> None:
    berths = Berths()
    assert fill(berths, LATER, range(1000), 1) == OF_LANE[LATER]
    assert fill(berths, BULK, range(2000, 3000), 1) == OF_LANE[BULK]
    left = PLACES - OF_LANE[LATER] - OF_LANE[BULK]
    assert berths.room(FIRST).total == left
    assert fill(berths, FIRST, range(4000, 5000), 1) == left
    assert berths.room(FIRST).total == 0


def test_one_target_has_only_so_many_at_once() -> None:
    berths = Berths()
    assert fill(berths, FIRST, range(7, 8), 50) == EACH
    berths.cap(8, 20)
    assert fill(berths, BULK, range(8, 9), 50) == 20
    assert berths.room(FIRST).rooms[7] == 0
    berths.cap(8, EACH)  # it was changed back
    assert berths.room(FIRST).rooms[8] < 0


def test_one_organization_leaves_places_to_the_others() -> None:
    berths = Berths()
    assert fill(berths, FIRST, range(1000), EACH, org=1) == OF_ORG
    room = berths.room(FIRST)
    assert all(room.rooms[target] == 0 for target in range(1000))
    assert room.total == PLACES - OF_ORG
    assert fill(berths, FIRST, range(2000, 3000), 1, org=2) == PLACES - OF_ORG


def test_those_that_hang_share_a_small_allowance() -> None:
    time = Time()
    berths = Berths(time)
    hung = fill(berths, FIRST, range(100), 1)
    time.at += SLOW + 1
    room = berths.room(FIRST)
    assert hung == 100
    assert all(room.rooms[target] == 0 for target in range(100))  # 100 of them are all there are
    healthy = fill(berths, FIRST, range(1000, 1100), 1)
    assert healthy == 100
    assert OF_SLOW == 100


def test_a_slow_target_gets_better_by_being_tried() -> None:
    time = Time()
    berths = Berths(time)
    assert berths.take(1, 7, 1, FIRST)
    time.at += SLOW + 1
    berths.give_back(1)
    assert berths.take(2, 7, 1, FIRST)
    berths.give_back(2)
    time.at += 100
    assert berths.room(FIRST).rooms.get(7, EACH) == EACH


def test_a_reservation_that_is_never_taken_up_is_free_again() -> None:
    time = Time()
    berths = Berths(time)
    assert berths.reserve([(n, 7, 1) for n in range(EACH + 1)]) == [True] * EACH + [False]
    assert berths.take(0, 7, 1, FIRST)
    time.at += 11
    berths.room(FIRST)
    assert berths.taken == 1


def test_after_an_outage_no_second_has_more_than_three_times_the_mean() -> None:
    """Proof 4: an hour without a receiver, 20,000 messages that failed at the same moments."""
    chance = random.Random(1)
    came = []
    for _ in range(20_000):
        at, tries = 0.0, 0
        while at < 3600:
            tries += 1
            wait = next_wait(tries, spread=chance.random())
            assert wait is not None
            at += wait.total_seconds()
        came.append(int(at))
    seconds = Counter(came)
    span = max(came) - min(came) + 1
    assert max(seconds.values()) <= 3 * len(came) / span
