"""A lock for one thing across all processes, that ends with whoever holds it. It may be held over
a network call, for it is no transaction."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import text

from relay.core.ids import ordering_key
from relay.storage.database import Database


@contextmanager
def only_one(db: Database, home: Path, name: str) -> Iterator[None]:
    """Waits until nobody else holds the name: an advisory lock on PostgreSQL, a file's beside
    SQLite."""
    with ExitStack() as held:
        _take(db, home, name, held, waits=True)
        yield


def if_free(db: Database, home: Path, name: str) -> Callable[[], None] | None:
    """Takes the name and gives what lets go of it; None where somebody holds it. For who must not
    keep a thread waiting."""
    with ExitStack() as held:
        return held.pop_all().close if _take(db, home, name, held, waits=False) else None


def _take(db: Database, home: Path, name: str, held: ExitStack, *, waits: bool) -> bool:
    if db.dialect == "postgresql":
        connection = held.enter_context(db.claims())
        key = {"key": ordering_key(f"lock:{name}")}
        kind = "pg_advisory_lock" if waits else "pg_try_advisory_lock"
        taken = connection.execute(text(f"SELECT {kind}(:key)"), key).scalar_one()
        if taken is False:
            return False
        held.callback(connection.execute, text("SELECT pg_advisory_unlock(:key)"), key)
        return True
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    held.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
