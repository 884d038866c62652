"""What many senders at once meet at the door: none waits for a slow one, none is told that its
delivery is safe before it is, and who cannot be served now is told to come again."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from relay.storage import events as stored
from relay.storage.database import Database
from relay.storage.events import Arrival
from relay.web import committer, inbound
from tests.scenarios.house import House
from tests.web.senders import Part, Sender, done, scope

FORM = {"content_type": "application/x-www-form-urlencoded"}


class Forms:
    """Posts to the first organization's form, straight at the door."""

    def __init__(self, house: House) -> None:
        self.door = house.app.extensions["door"]
        self.path = house.inbound("website").removeprefix(house.base_url)

    async def post(self, body: bytes, sender: Sender | None = None) -> Sender:
        given = sender or Sender([body])
        asks = scope(self.path, **FORM, content_length=str(len(body)))
        await self.door(asks, given.receive, given.send)
        return given

    def posted(self, *bodies: bytes) -> list[int]:
        """The statuses of forms posted at once."""

        async def all_of_them() -> list[Sender]:
            return list(await asyncio.gather(*map(self.post, bodies)))

        return [sender.status for sender in done(all_of_them())]


def form(number: int) -> bytes:
    return b"email=kim%d@example.com" % number


def test_a_source_is_looked_up_once_for_all_who_knock_meanwhile(
    small_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, look_up = [], inbound.source_by_token

    def counting(conn: Any, vault: Any, token: str) -> Any:
        asked.append(token)
        return look_up(conn, vault, token)

    monkeypatch.setattr(inbound, "source_by_token", counting)
    assert Forms(small_house).posted(*map(form, range(20))) == [202] * 20
    assert len(asked) == 1


def test_who_sends_slowly_keeps_nobody_waiting(small_house: House) -> None:
    forms = Forms(small_house)

    class Slow(Sender):
        go = asyncio.Event()

        async def receive(self) -> dict[str, Any]:
            await self.go.wait()
            return await super().receive()

    async def beside_slow_ones() -> list[int]:
        slow = [Slow([form(1)]) for _ in range(100)]
        waiting = [asyncio.create_task(forms.post(form(1), one)) for one in slow]
        quick = await forms.post(form(2))
        assert not any(one.told for one in slow)
        Slow.go.set()
        await asyncio.gather(*waiting)
        return [quick.status, *(one.status for one in slow)]

    assert set(done(beside_slow_ones())) == {202}


@pytest.mark.parametrize(
    ("parts", "status"), [([b"email=", None], 400), ([b"email="], 400)], ids=["gone", "short"]
)
def test_half_a_form_is_not_taken_for_one(
    small_house: House, parts: list[Part], status: int
) -> None:
    sender = done(Forms(small_house).post(form(1), Sender(parts)))
    assert sender.status == status
    assert small_house.events() == []


def test_a_large_body_is_taken_in_whole(small_house: House) -> None:
    assert Forms(small_house).posted(form(1) + b"&note=" + b"x" * 200_000) == [202]


def test_only_so_many_large_bodies_are_held_at_a_time(
    small_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound, "MOST_LARGE", 0)
    assert Forms(small_house).posted(form(1) + b"&note=" + b"x" * 200_000, form(2)) == [503, 202]


def test_beyond_what_can_wait_for_its_commit_senders_are_told_to_come_again(
    small_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer, "MOST", 5)
    statuses = Forms(small_house).posted(*map(form, range(8)))
    assert sorted(statuses) == [202] * 5 + [503] * 3


def test_one_delivery_that_the_store_refuses_does_not_refuse_the_others(
    small_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def picky(db: Database, arrivals: Sequence[Arrival]) -> list[stored.Stored]:
        if any(b"kim3@" in one.body for one in arrivals):
            raise ValueError("not this one")
        return stored.accept(db, arrivals)

    monkeypatch.setattr(committer, "accept", picky)
    assert Forms(small_house).posted(*map(form, range(6))) == [202, 202, 202, 503, 202, 202]
    assert len(small_house.events()) == 5


def test_a_store_that_hangs_is_not_waited_for_for_ever(
    small_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    freed = threading.Event()
    monkeypatch.setattr(committer, "WAIT", 0.05)
    monkeypatch.setattr("relay.web.patience.EVERY", 0.02)
    monkeypatch.setattr(committer, "accept", lambda _db, _rows: freed.wait(10) and [])
    try:
        assert Forms(small_house).posted(form(1), form(2)) == [503, 503]
    finally:
        freed.set()
