"""A hook that takes so many messages at once takes no more from several workers together, and no
worker waits where there is a place."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select

from relay import births, bootstrap
from relay.core.clock import SystemClock
from relay.core.hook import Hook, Secret
from relay.core.ids import number
from relay.pipeline.engine import Engine
from relay.queue import ROUTE
from relay.storage import holders, hook_places, sends, work
from relay.storage.database import Database
from relay.storage.deliveries import target_key
from relay.storage.hook_places import Entered
from relay.storage.hooks import create_hook
from relay.storage.sends import BULK, FIRST, Room, Sending
from relay.storage.tables.work import work as rows
from relay.storage.vault import Vault
from relay.storage.work import Kind, NewWork
from tests.hooks.hooked import Hooked
from tests.hooks.receiver import Receiver
from tests.scenarios.house import House, open_house
from tests.scenarios.killed import Site
from tests.serving import running
from tests.stores import PostgreSQL, until

FORMS = 30


@dataclass(slots=True)
class Slow:
    """A receiver that takes its time, and counts by path; at `/together` nobody is answered before
    so many are there at once."""

    seconds: float
    together: int = 0
    all_there: threading.Event = field(default_factory=threading.Event)
    url: str = ""
    now: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    came: list[tuple[str, str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def slow(seconds: float = 0.1, together: int = 0) -> Iterator[Slow]:
    counted = Slow(seconds, together)
    chance = random.Random(1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with counted.lock:
                counted.now[self.path] += 1
                counted.most[self.path] = max(counted.most[self.path], counted.now[self.path])
                counted.came.append((self.path, self.headers["webhook-id"]))
                taking = counted.seconds * chance.uniform(0.5, 1)
                if counted.now["/together"] == together:
                    counted.all_there.set()
            self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/together":
                counted.all_there.wait(15)
            time.sleep(taking)
            with counted.lock:
                counted.now[self.path] -= 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.request_queue_size = 128
    with running(server) as counted.url:
        yield counted


class Handed:
    """In a broker's place: each message goes to one of the workers, in turns."""

    def __init__(self) -> None:
        self.engines: list[Engine] = []
        self._turns = ThreadPoolExecutor(4)
        self._numbers = iter(range(1_000_000))

    def wake(self, task: str, ids: Sequence[int]) -> None:
        if ids and self.engines:
            engine = self.engines[next(self._numbers) % len(self.engines)]
            self._turns.submit(engine.run, task, list(ids))

    def close(self) -> None:
        self._turns.shutdown()


@dataclass(slots=True)
class Crew:
    """Several workers on one store, in this process."""

    hooked: Hooked
    queue: Handed

    def forms(self, count: int) -> None:
        """So many forms come in, and every worker has some to route."""
        house = self.hooked.house
        for n in range(count):
            house.post("website", data={"email": f"kim{n}@example.com"})
        ids = work.overdue(house.runtime.db, Kind.EVENT, grace=0.0)
        for start in range(0, len(ids), 10):
            self.queue.wake(ROUTE, ids[start : start + 10])

    def idle(self) -> bool:
        return not waiting(self.hooked.house)

    def swept(self) -> bool:
        """The same, after one of them has looked for what nobody was woken for."""
        self.queue.engines[0].sweep()
        return self.idle()


def waiting(house: House) -> bool:
    """Whether something is still to be done."""
    with house.runtime.db.read() as conn:
        kinds = rows.c.kind.in_([int(Kind.EVENT), int(Kind.DELIVERY)])
        return conn.execute(select(rows.c.id).where(kinds).limit(1)).first() is not None


def swept(house: House) -> bool:
    """The same, after a sweep has looked for what the dead have left."""
    house.engine.sweep()
    return not waiting(house)


@contextmanager
def crew(hooked: Hooked, count: int = 3) -> Iterator[Crew]:
    queue = Handed()
    with ExitStack() as stack:
        for _ in range(count):
            runtime = bootstrap.build(hooked.house.runtime.settings, role="test", queue=queue)
            engine = Engine(runtime)
            stack.callback(engine.runtime.db.close)
            stack.callback(engine.close)
            queue.engines.append(engine)
        stack.callback(queue.close)
        yield Crew(hooked, queue)


def test_no_hook_has_more_on_its_way_than_it_takes_and_none_stands_still(both: Hooked) -> None:
    """Where who was turned away had to look again after half a second, the first of these hooks
    alone would take a quarter of a minute."""
    hooks = {"one": 1, "three": 3, "together": 24, "usual": None}
    with slow(0.02, together=24) as counted, crew(both) as workers:
        for path, at_once in hooks.items():
            body = {"target_url": f"{counted.url}/{path}", "event": "form.submitted"}
            both.do("POST", "/hooks", json=body | {"max_in_flight": at_once})
        workers.forms(FORMS)
        until(workers.idle, "all to be told", seconds=10)
    assert len(counted.came) == FORMS * len(hooks)
    assert len(set(counted.came)) == FORMS * len(hooks)
    most = counted.most
    assert (most["/one"], most["/together"]) == (1, 24)
    assert most["/three"] <= 3
    assert most["/usual"] <= 5 * len(workers.queue.engines)


def test_what_died_with_a_worker_is_given_back(both: Hooked) -> None:
    house = both.house
    with slow(0.01, together=2) as counted:
        url = f"{counted.url}/together"
        body = {"target_url": url, "event": "form.submitted", "max_in_flight": 2}
        hook = number("hook", both.do("POST", "/hooks", json=body)["id"])
        both.do("POST", f"/hooks/hook_{hook}/pause")
        for n in range(6):
            house.post("website", data={"email": f"kim{n}@example.com"})
        house.settle()
        both.do("POST", f"/hooks/hook_{hook}/enable")
        both.do("POST", f"/hooks/hook_{hook}/recover", json={})
        dead_worker(house.runtime.db, hook)
        with crew(both, 2) as workers:
            first = workers.queue.engines[0]
            first.deliver([row.id for row in both.deliveries(f"hook_{hook}")])
            assert (counted.came, first.drain(0)) == ([], True)
            assert first.release() == 2
            until(workers.swept, "all to be told", seconds=15)
    assert len(counted.came) == 6
    assert counted.most["/together"] == 2


def dead_worker(db: Database, hook: int) -> None:
    """One of this machine that died with two deliveries on their way."""
    nobody = 2**22 + 1  # no process has such a number
    with db.write() as conn:
        holder = holders.register(conn, births.machine(), nobody, "0", SystemClock().now())
    token = holders.token(holder, 0)
    leases = sends.backlog(db, BULK, Room(each=2), seconds=60, token=token)
    with db.write() as conn:
        assert hook_places.enter(db, conn, {hook: leases}).ids == {one.id for one in leases}


@pytest.mark.processes
def test_two_workers_together_keep_to_a_hooks_few_though_one_dies(
    postgresql: PostgreSQL, tmp_path: Path, valkey_server: Path, receiver: Receiver
) -> None:
    home = tmp_path / "home"
    with (
        slow(together=8) as counted,
        postgresql.database(tmp_path, tables=True) as url,
        open_house(url, home, f"unix://{valkey_server}") as house,
    ):
        site = Site(house, home, valkey_server)
        hooked = Hooked(house=house, receiver=receiver)
        address = f"{counted.url}/together"
        body = {"target_url": address, "event": "form.submitted", "max_in_flight": 8}
        hooked.do("POST", "/hooks", json=body)
        with site.worker():
            with site.worker():
                for n in range(FORMS * 2):
                    house.post("website", data={"email": f"kim{n}@example.com"})
                until(lambda: len(counted.came) >= FORMS, "half to be told", seconds=30)
            until(lambda: swept(house), "every form to be told", seconds=30, every=0.5)
    assert counted.most["/together"] == 8
    assert len(set(counted.came)) == FORMS * 2


def test_a_place_is_free_when_its_lease_is(db: Database) -> None:
    hook = made(db, max_in_flight=2)
    with db.write() as conn:
        new = [NewWork(id=n, org=1) for n in range(1, 5)]
        work.add_leased(db, conn, Kind.DELIVERY, new[:3], seconds=60, token=1)
        work.add_leased(db, conn, Kind.DELIVERY, new[3:], seconds=60, token=2)

    assert enter(db, hook, 1, 2, 3, token=1) == Entered(ids={1, 2}, free={hook: 0})
    assert enter(db, hook, 4, token=2).ids == set()
    with db.write() as conn:
        work.fence(db, conn, Kind.DELIVERY, [1], token=1)
    assert free(db, hook) == {hook: 1}
    assert enter(db, hook, 4, token=2).ids == {4}
    assert enter(db, hook, 3, token=1).ids == set()
    with db.write() as conn:  # its worker died: another claims the row
        work.retry(db, conn, Kind.DELIVERY, 2, token=1, seconds=0)
    assert enter(db, hook, 3, token=1).ids == {3}


def test_what_stands_in_the_hooks_row_counts(db: Database) -> None:
    """And not what a worker knew of it when it claimed."""
    narrow, open_ = made(db, max_in_flight=1), made(db, "https://y", max_in_flight=None)
    with db.write() as conn:
        new = [NewWork(id=n, org=1) for n in range(1, 10)]
        work.add_leased(db, conn, Kind.DELIVERY, new, seconds=60, token=1)
    assert enter(db, narrow, 1, 2, token=1) == Entered(ids={1}, free={narrow: 0})
    assert enter(db, open_, 3, 4, 5, 6, 7, 8, token=1) == Entered(ids={3, 4, 5, 6, 7, 8}, free={})
    assert enter(db, 900, 9, token=1).ids == set()  # deleted meanwhile
    assert free(db, narrow, open_, 900) == {narrow: 0}


def test_a_target_that_takes_more_than_usual_is_given_more(db: Database) -> None:
    wide, usual = target_key("hook", 1), target_key("hook", 2)
    with db.write() as conn:
        new = [NewWork(id=n, org=1, target=wide) for n in range(1, 31)]
        new += [NewWork(id=n, org=1, target=usual) for n in range(31, 61)]
        work.add(db, conn, Kind.DELIVERY, new)
    room = Room(each=5, rooms={wide: 12})
    found = sends.backlog(db, FIRST, room, seconds=60, token=1)
    assert Counter(one.target for one in found) == {wide: 12, usual: 5}
    found = sends.claim(db, list(range(1, 61)), room, seconds=60, token=2)
    assert Counter(one.target for one in found) == {wide: 12, usual: 5}
    assert sends.lanes(db, [wide]) == {FIRST}
    assert sends.lanes(db, [target_key("hook", 3)]) == set()


def made(db: Database, url: str = "https://x", *, max_in_flight: int | None) -> int:
    """A hook."""
    wanted = Hook(id=0, org=1, url=url, event="*", secrets=(Secret(value="whsec_eA=="),),
                  max_in_flight=max_in_flight)  # fmt: skip
    with db.write() as conn:
        return create_hook(conn, Vault([b"k" * 32]), wanted, SystemClock().now())[0].id


def enter(db: Database, hook: int, *ids: int, token: int) -> Entered:
    leases = [
        Sending(id=id, org=1, okey=None, attempts=1, target=0, lane=FIRST, token=token)
        for id in ids
    ]
    with db.write() as conn:
        return hook_places.enter(db, conn, {hook: leases})


def free(db: Database, *hooks: int) -> dict[int, int]:
    with db.read() as conn:
        return hook_places.free(db, conn, hooks)
