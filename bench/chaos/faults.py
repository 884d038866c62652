"""What can be done to a Relay: each fault by the name that the table shows."""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from sqlalchemy import text

from bench.chaos.subscriber import Subscriber
from relay.settings import Settings
from relay.storage.database import Database
from tests.stores import flush

AWAY_SECONDS = 3.0
FLUSHED = "the broker's queue flushed"
PROCESSES = ("web", "worker", "beat", "broker")

Fault = Callable[[], None]


def faults(settings: Settings, db: Database, subscriber: Subscriber) -> Mapping[str, Fault]:
    """Those that this store knows."""
    home = settings.home

    def away() -> None:
        subscriber.go()
        threading.Event().wait(AWAY_SECONDS)
        subscriber.come()

    found: dict[str, Fault] = {
        "kill -9 web": lambda: _kill(home, "web"),
        "kill -9 the worker": lambda: _kill(home, "worker"),
        "kill -9 a worker's child": lambda: _kill_child(home, "worker"),
        "kill -9 beat": lambda: _kill(home, "beat"),
        "kill -9 the broker": lambda: _kill(home, "broker"),
        FLUSHED: lambda: _flush(settings.socket),
        f"the subscriber away for {AWAY_SECONDS:g} s": away,
        "kill -9 all four at once": lambda: _kill(home, *PROCESSES),
    }
    if db.dialect == "postgresql":
        found["kill -9 in PostgreSQL"] = lambda: _crash(db)
    return found


def _kill(home: Path, *names: str) -> None:
    for name in names:
        # Where it is being started again it is down already.
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(_pid(home, name), signal.SIGKILL)


def _kill_child(home: Path, name: str) -> None:
    with suppress(FileNotFoundError, ProcessLookupError):
        pid = _pid(home, name)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if children:
            os.kill(int(children[0]), signal.SIGKILL)


def _pid(home: Path, name: str) -> int:
    return int((home / "run" / f"{name}.pid").read_text().split()[0])


def _flush(at: Path) -> None:
    with suppress(OSError):
        flush(at)


def _crash(db: Database) -> None:
    """One of its processes killed: PostgreSQL throws everybody out and recovers from its log."""
    with db.read() as conn:
        found = conn.execute(
            text("SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
        ).scalar_one()
    os.kill(int(found), signal.SIGKILL)
