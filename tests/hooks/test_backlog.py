"""Deliveries that find no place at once: a worker takes them up by itself, whoever else is at it,
and needs no message for each."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from relay.pipeline.berths import EACH
from relay.pipeline.route import route
from relay.queue import CHUNK
from relay.storage import sends, work
from relay.storage.tables.work import work as rows
from relay.storage.work import Kind
from tests.hooks.hooked import Hooked, open_hooked
from tests.hooks.receiver import Receiver
from tests.stores import PostgreSQL, until


def written(hooked: Hooked, count: int, *, hooks: int = 1) -> Sequence[int]:
    """Deliveries of so many forms that are due and that nobody was woken for."""
    house = hooked.house
    for n in range(count):
        assert house.post("website", data={"email": f"kim{n}@example.com"}).is_success
    made: list[int] = []
    while leases := work.top_up(house.runtime.db, Kind.EVENT, seconds=60, token=1):
        made += [
            id for routed in route(house.runtime, leases, 1) for id in routed.settled.deliveries
        ]
    assert len(made) == count * hooks
    return made


def test_who_finds_what_another_worker_has_locked_looks_again(
    postgresql: PostgreSQL, tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    backlog = sends.backlog

    def counted(*given: object, **more: object) -> list[sends.Sending]:
        looks.append(1)
        return backlog(*given, **more)  # type: ignore[arg-type]

    with open_hooked(postgresql, tmp_path, receiver) as hooked:
        hooked.subscribe("form.submitted")
        (id,) = written(hooked, 1)
        monkeypatch.setattr(sends, "backlog", counted)
        with hooked.house.runtime.db.engine.begin() as other:
            mine = (rows.c.kind == int(Kind.DELIVERY), rows.c.id == id)
            other.execute(select(rows.c.id).where(*mine).with_for_update())
            hooked.house.engine.deliver([id])
            until(lambda: len(looks) >= 6, "the worker to look again")  # in three lanes or so
            assert not receiver.requests
        until(lambda: len(receiver.requests) == 1, "the delivery, for which no message came")


def test_what_has_no_place_waits_for_no_message(both: Hooked, receiver: Receiver) -> None:
    both.subscribe("form.submitted")
    for n in range(3 * EACH):
        both.house.post("website", data={"email": f"kim{n}@example.com"})
    both.house.engine.route(work.overdue(both.house.runtime.db, Kind.EVENT, grace=0.0))
    until(lambda: len(receiver.requests) == 3 * EACH, "all of them, though few leave at a time")


def test_a_full_message_stands_for_more(both: Hooked, receiver: Receiver) -> None:
    forms = EACH - 1  # so that there is a place for each
    hooks = CHUNK // forms + 1
    for n in range(hooks):
        both.subscribe("form.submitted", path=f"/{n}")
    made = written(both, forms, hooks=hooks)
    both.house.engine.deliver(made[:CHUNK])
    until(lambda: len(receiver.requests) == len(made), "those too that were in no message")
