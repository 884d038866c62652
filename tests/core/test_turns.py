"""Turns at a provider: what a minute and a moment hold, over all processes and without Redis."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from relay.core.errors import RetryableError, UnknownOutcome
from relay.http import Turns
from relay.http.turns import Turn

PATIENCE = 10.0  # seconds: a busy machine takes its time


def _run(work: Callable[[], Awaitable[None]], *turns: Turns) -> None:
    async def whole() -> None:
        try:
            await work()
        finally:
            for one in turns:
                await one.aclose()

    asyncio.run(whole())


@pytest.fixture(params=["alone", "shared"])
def pair(request: pytest.FixtureRequest) -> tuple[Turns, Turns]:
    """Two processes that share a Redis, or one that has none."""
    if request.param == "alone":
        turns = Turns(patience=PATIENCE)
        return turns, turns
    url: str = request.getfixturevalue("valkey")
    return Turns(url, patience=PATIENCE), Turns(url, patience=PATIENCE)


def test_no_more_calls_are_in_flight_than_the_provider_takes(pair: tuple[Turns, Turns]) -> None:
    first, second = (one.of("acme", per_minute=100, at_once=2) for one in pair)
    flying, most = 0, 0

    async def call(turn: object) -> None:
        nonlocal flying, most
        async with (first if turn is first else second).taken(5):
            flying += 1
            most = max(most, flying)
            await asyncio.sleep(0.01)
            flying -= 1

    async def work() -> None:
        await asyncio.gather(*(call(turn) for turn in (first, second) * 2))

    _run(work, *pair)
    assert most == 2


def test_a_minute_holds_what_the_provider_takes_and_the_next_call_was_not_sent(
    pair: tuple[Turns, Turns],
) -> None:
    first, second = (one.of("acme", per_minute=3, at_once=9) for one in pair)

    async def work() -> None:
        for turn in (first, second, first):
            async with turn.taken(5):
                pass
        pair[1].patience = 0.0
        with pytest.raises(RetryableError, match="3 a minute") as caught:
            async with second.taken(5):
                pass
        assert not isinstance(caught.value, UnknownOutcome)
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after.total_seconds() <= 60
        async with pair[0].of("another company", per_minute=3, at_once=9).taken(5):
            pass

    _run(work, *pair)


def test_a_turn_of_a_process_that_died_ends_by_itself(pair: tuple[Turns, Turns]) -> None:
    first, second = pair
    turn = first.of("acme", per_minute=9, at_once=1)

    async def work() -> None:
        assert await first.take(turn, "of the dead", 2000) == 0
        assert await second.take(turn, "of the living", 5000) > 0
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(second.of("acme", per_minute=9, at_once=1).taken(5))

    _run(work, *pair)


def test_what_is_done_alone_waits_for_whoever_does_it(pair: tuple[Turns, Turns]) -> None:
    first, second = (one.of("acme", per_minute=9, at_once=9) for one in pair)
    under_way: list[str] = []

    async def write(turn: Turn, account: str) -> None:
        async with turn.alone_with(account).taken(5):
            assert account not in under_way
            under_way.append(account)
            await asyncio.sleep(0.02)
            under_way.remove(account)

    async def work() -> None:
        both = [(turn, name) for turn in (first, second) * 2 for name in ("account 1", "account 2")]
        await asyncio.gather(*(write(turn, name) for turn, name in both))
        pair[1].patience = 0.0
        async with first.alone_with("account 1").taken(5):
            with pytest.raises(RetryableError, match="another call for account 1 is still"):
                async with second.alone_with("account 1").taken(5):
                    pass

    _run(work, *pair)


def test_without_its_redis_each_process_counts_for_itself() -> None:
    turns = Turns("unix:///nowhere/to/be/found.sock", patience=0.3)
    turn = turns.of("acme", per_minute=1, at_once=1)

    async def work() -> None:
        async with turn.taken(5):
            pass
        with pytest.raises(RetryableError, match="1 a minute"):
            async with turn.taken(5):
                pass

    _run(work, turns)
