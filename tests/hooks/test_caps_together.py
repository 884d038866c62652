"""A hook that takes few messages at once takes no more from several workers together."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from relay.core.clock import SystemClock
from relay.core.hook import Hook, Secret
from relay.storage import hook_places, work
from relay.storage.database import Database
from relay.storage.hooks import create_hook
from relay.storage.sends import FIRST, Sending
from relay.storage.vault import Vault
from relay.storage.work import Kind, NewWork
from tests.hooks.hooked import Hooked
from tests.hooks.receiver import Receiver
from tests.scenarios.house import open_house
from tests.scenarios.killed import Site
from tests.serving import running
from tests.stores import PostgreSQL, until

FORMS = 30


@dataclass(slots=True)
class Slow:
    """A receiver that takes its time, and counts."""

    url: str = ""
    now: int = 0
    most: int = 0
    came: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextmanager
def slow() -> Iterator[Slow]:
    counted = Slow()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            with counted.lock:
                counted.now += 1
                counted.most = max(counted.most, counted.now)
                counted.came.append(self.headers["webhook-id"])
            self.rfile.read(int(self.headers["content-length"]))
            time.sleep(0.1)
            with counted.lock:
                counted.now -= 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as counted.url:
        yield counted


@pytest.mark.processes
def test_two_workers_together_keep_to_a_hooks_few(
    postgresql: PostgreSQL, tmp_path: Path, valkey_server: Path, receiver: Receiver
) -> None:
    home = tmp_path / "home"
    with (
        slow() as counted,
        postgresql.database(tmp_path, tables=True) as url,
        open_house(url, home, f"unix://{valkey_server}") as house,
    ):
        site = Site(house, home, valkey_server)
        hooked = Hooked(house=house, receiver=receiver)
        body = {"target_url": counted.url, "event": "form.submitted", "max_in_flight": 2}
        hooked.do("POST", "/hooks", json=body)
        with site.worker(), site.worker():
            for n in range(FORMS):
                house.post("website", data={"email": f"kim{n}@example.com"})
            until(lambda: len(counted.came) == FORMS, "every form to be told", seconds=30)
    assert counted.most == 2
    assert len(set(counted.came)) == FORMS


def test_a_place_is_free_when_its_lease_is(db: Database) -> None:
    wanted = Hook(id=0, org=1, url="https://x", event="*", secrets=(Secret(value="whsec_eA=="),))
    with db.write() as conn:
        hook, _ = create_hook(conn, Vault([b"k" * 32]), wanted, SystemClock().now())
        rows = [NewWork(id=n, org=1) for n in range(1, 5)]
        work.add_leased(db, conn, Kind.DELIVERY, rows[:3], seconds=60, token=1)
        work.add_leased(db, conn, Kind.DELIVERY, rows[3:], seconds=60, token=2)

    def enter(*ids: int, token: int) -> set[int]:
        leases = [
            Sending(id=id, org=1, okey=None, attempts=1, target=hook.id, lane=FIRST, token=token)
            for id in ids
        ]
        with db.write() as conn:
            return hook_places.enter(db, conn, hook.id, leases, most=2)

    assert enter(1, 2, 3, token=1) == {1, 2}
    assert enter(4, token=2) == set()
    with db.write() as conn:
        work.fence(db, conn, Kind.DELIVERY, [1], token=1)
    assert enter(4, token=2) == {4}
    assert enter(3, token=1) == set()
    with db.write() as conn:  # its worker died: another claims the row
        work.retry(db, conn, Kind.DELIVERY, 2, token=1, seconds=0)
    assert enter(3, token=1) == {3}
