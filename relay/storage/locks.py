"""A lock for one thing across all processes, that ends with whoever holds it. It may be held over
a network call, for it is no transaction."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from relay.core.ids import ordering_key
from relay.storage.database import Database


@contextmanager
def only_one(db: Database, home: Path, name: str) -> Iterator[None]:
    """Waits until nobody else holds the name: an advisory lock on PostgreSQL, a file's beside
    SQLite."""
    if db.dialect == "postgresql":
        with db.claims() as connection:
            key = {"key": ordering_key(f"lock:{name}")}
            connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
        return
    folder = home / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
