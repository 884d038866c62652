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
from relay.storage import holders, work
from relay.storage.tables.deliveries import deliveries
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
        died = _leased(house, mine, killed.pid, births.birth(killed.pid), 1)
        _leased(house, mine, living.pid, births.birth(living.pid), 2)
        _leased(house, "elsewhere", killed.pid, births.birth(killed.pid), 3)
        assert dead_workers.release(house.runtime) == {}
        killed.kill()
        killed.wait()
        assert dead_workers.release(house.runtime) == {Kind.DELIVERY: [1]}
        assert dead_workers.release(house.runtime) == {}
        db = house.runtime.db
        assert [one.id for one in work.claim(db, Kind.DELIVERY, [1, 2, 3], seconds=9, token=5)] == [
            1
        ]
        # Should it not be dead after all, its record would find the fence closed.
        with db.write() as conn:
            assert not work.fence(db, conn, Kind.DELIVERY, [1], token=holders.token(died, 7))


def _leased(house: House, machine: str, pid: int, born: str, row: int) -> int:
    db = house.runtime.db
    with db.write() as conn:
        id = holders.register(conn, machine, pid, born, SystemClock().now())
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
