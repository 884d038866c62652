"""What a worker had in hand when it was killed goes on at once, and never what a living one has."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay import births
from relay.core.clock import SystemClock
from relay.pipeline import dead_workers
from relay.pipeline.engine import Engine
from relay.storage import deaths, holders, work
from relay.storage.tables.deliveries import deliveries
from relay.storage.tables.work import holders as table
from relay.storage.work import Kind, NewWork
from tests.hooks.hooked import Hooked
from tests.hooks.receiver import Request, receiving
from tests.scenarios.house import House, house_on, open_house
from tests.scenarios.killed import Site
from tests.stores import PostgreSQL, Store, until

pytestmark = pytest.mark.skipif(not births.machine(), reason="Linux alone tells who is dead")


@contextmanager
def another() -> Iterator["subprocess.Popen[bytes]"]:
    """A process of somebody else's."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_process_is_dead_when_it_is_gone_unburied_or_another_has_its_number() -> None:
    me = os.getpid()
    assert not births.is_dead(me, births.birth(me))
    assert births.is_dead(me, "1")
    with another() as process:
        born = births.birth(process.pid)
        assert not births.is_dead(process.pid, born)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert births.is_dead(process.pid, born)
        process.wait()
        assert births.is_dead(process.pid, born)


def test_only_the_leases_of_the_certainly_dead_end(store: Store, tmp_path: Path) -> None:
    with house_on(store, tmp_path) as house, another() as living, another() as killed:
        mine = births.machine()
        died = _leased(house, mine, killed, 1)
        _leased(house, mine, living, 2)
        _leased(house, "elsewhere", killed, 3)
        db = house.runtime.db
        assert dead_workers.release(house.runtime) == {}
        assert deaths.waiting(db) == []
        killed.kill()
        killed.wait()
        assert dead_workers.release(house.runtime) == {}
        assert dead_workers.release(house.runtime) == {}
        assert [(one.id, one.deaths) for one in deaths.waiting(db)] == [(1, 1)]
        assert deaths.claim(db, Kind.DELIVERY, 1, seconds=9, token=5) is not None
        # Should it not be dead after all, its record would find the fence closed.
        with db.write() as conn:
            assert not work.fence(db, conn, Kind.DELIVERY, [1], token=holders.token(died, 7))


def test_who_was_told_to_end_did_not_die_of_what_it_had_in_hand(
    store: Store, tmp_path: Path
) -> None:
    with house_on(store, tmp_path) as house, another() as child, another() as dead_before:
        db, parent = house.runtime.db, os.getpid()
        for row, process in enumerate((child, dead_before), 1):
            _leased(house, births.machine(), process, row, parent=parent)
        dead_before.kill()
        dead_before.wait()
        dead_workers.leave(db, parent)
        child.kill()
        child.wait()
        assert dead_workers.release(house.runtime) == {Kind.DELIVERY: [1]}
        assert [(one.id, one.deaths) for one in deaths.waiting(db)] == [(2, 1)]


def test_a_worker_that_ends_in_order_leaves_no_death_behind(store: Store, tmp_path: Path) -> None:
    with house_on(store, tmp_path) as house:
        engine = Engine(house.runtime)
        leaving = {row.id: row.leaving for row in house.rows(table)}
        engine.close()
        assert [row.leaving for row in house.rows(table)] == [False, True]
        assert list(leaving.values()) == [False, False]


def _leased(
    house: House, machine: str, process: "subprocess.Popen[bytes]", row: int, *, parent: int = 0
) -> int:
    db, pid = house.runtime.db, process.pid
    with db.write() as conn:
        at = SystemClock().now()
        id = holders.register(conn, machine, pid, births.birth(pid), at, parent=parent)
        new = [NewWork(id=row, org=house.made.org)]
        work.add_leased(db, conn, Kind.DELIVERY, new, seconds=60, token=holders.token(id, 7))
    return id


@pytest.mark.processes
def test_deliveries_of_a_killed_worker_are_made_by_the_next_one_at_once(
    postgresql: PostgreSQL, tmp_path: Path, valkey_server: Path
) -> None:
    home = tmp_path / "home"
    with (
        receiving() as receiver,
        postgresql.database(tmp_path, tables=True) as url,
        open_house(url, home, f"unix://{valkey_server}") as house,
    ):
        hooked = Hooked(house=house, receiver=receiver)
        hooked.subscribe("form.submitted")
        site = Site(house, home, valkey_server)
        with site.worker():
            receiver.answers = _dies_before_it_answers
            for n in range(3):
                house.post("website", data={"email": f"kim{n}@example.com"})
            until(lambda: bool(receiver.requests), "a message to be on its way")
        receiver.answers = lambda request: None
        began = time.monotonic()
        with site.next_worker():
            until(lambda: _all_delivered(house), "the next one to deliver", seconds=30, every=0.5)
        assert time.monotonic() - began < 30  # a lease lasts 60


def _dies_before_it_answers(request: Request) -> None:
    time.sleep(2)


def _all_delivered(house: House) -> bool:
    house.engine.sweep()  # as beat has it done: a wake-up may have died with the worker
    rows = house.rows(deliveries)
    return len(rows) == 3 and {row.state for row in rows} == {"delivered"}
