"""One database layer over SQLite and PostgreSQL: transactions, and what each engine needs.

SQLite: WAL, synchronous FULL (an acknowledged row must survive a power cut), BEGIN IMMEDIATE, and
an `flock` beside the file round each write transaction, because SQLite's own waiting is unfair:
with four busy writers one waited 2.2 s, with the lock 11 ms.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from relay.core.errors import Unavailable

LOCK_DEADLINE = 10.0  # seconds; a stopped holder must not stop everybody for ever


class Database:
    """The store. `read()` and `write()` give a connection in a transaction of their own."""

    def __init__(self, url: str, *, pool: int = 8) -> None:
        self.url = make_url(_with_driver(url))
        self.dialect = self.url.get_backend_name()
        self._lock: _FileLock | None = None
        if self.dialect == "sqlite":
            self.engine = _sqlite(self.url, pool)
            if self.url.database:
                self._lock = _FileLock(Path(f"{self.url.database}.lock"))
        else:
            self.engine = create_engine(
                self.url,
                pool_size=pool,
                max_overflow=4,
                pool_pre_ping=False,
                # One that was just in use knows its statements; in turns, each learns all of them.
                pool_use_lifo=True,
                # A stopped worker would keep its row locks for ever. A plan that is kept is the one
                # that was right while the tables were nearly empty: with `enable_seqscan` every
                # record of a delivery came to read all of `deliveries`. And `jit` would compile for
                # a quarter of a second what looks dear then.
                connect_args={
                    "options": "-c idle_in_transaction_session_timeout=30000"
                    " -c enable_seqscan=off -c jit=off -c statement_timeout=60000",
                    "connect_timeout": 5,
                },
            )
            self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._claims: Engine | None = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: commits when the block ends, rolls back when it raises.

        Raises Unavailable when SQLite's writers' lock cannot be had in time.
        """
        if self._lock is None:
            with self.engine.begin() as connection:
                yield connection
            return
        with self._lock, self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading.

        On SQLite in a transaction that never writes. On PostgreSQL each statement stands for
        itself, as it would see what others commit in between anyway: BEGIN and ROLLBACK are two
        ways there and back more.
        """
        if self.dialect == "postgresql":
            with self._reading.connect() as connection:
                yield connection
            return
        with self.engine.connect() as connection:
            connection.info["deferred"] = True
            try:
                yield connection
            finally:
                connection.rollback()
                connection.info.pop("deferred", None)

    @contextmanager
    def claims(self) -> Iterator[Connection]:
        """A connection for claiming leases, which commits without waiting for the disk (on
        PostgreSQL each statement for itself): a lease that a crash forgets is a row that is due
        again."""
        if self.dialect == "sqlite" and self._lock is None:
            with self.write() as connection:  # in memory: another engine would be another store
                yield connection
            return
        if self._claims is None:
            self._claims = self._claiming()
        if self._lock is None:
            with self._claims.connect() as connection:
                yield connection
            return
        with self._lock, self._claims.begin() as connection:
            yield connection

    @contextmanager
    def looks(self) -> Iterator[Connection]:
        """A connection for seeing whether there is anything to claim: as `claims`, and nobody waits
        for it."""
        with self.claims() if self.dialect == "postgresql" else self.read() as connection:
            yield connection

    def _claiming(self) -> Engine:
        if self.dialect == "sqlite":
            return _sqlite(self.url, pool=2, synchronous="NORMAL")
        return create_engine(
            self.url,
            pool_size=2,
            isolation_level="AUTOCOMMIT",
            # Plans cached while `work` was empty read the whole table later; and index scans
            # mark dead entries, bitmap scans do not (claim CPU 60 → 25 µs a job).
            connect_args={
                "options": "-c synchronous_commit=off -c plan_cache_mode=force_custom_plan"
                " -c enable_seqscan=off -c enable_bitmapscan=off -c enable_hashjoin=off"
                " -c enable_mergejoin=off -c statement_timeout=30000",
                "connect_timeout": 5,
            },
        )

    def close(self) -> None:
        """Lets go of every connection."""
        self.engine.dispose()
        if self._claims is not None:
            self._claims.dispose()

    def ping(self) -> None:
        """Raises SQLAlchemy's OperationalError when the store does not answer."""
        with self.read() as connection:
            connection.execute(text("SELECT 1"))


def _with_driver(url: str) -> str:
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def _sqlite(url: Any, pool: int, synchronous: str = "FULL") -> Engine:
    engine = create_engine(url, poolclass=QueuePool, pool_size=pool, max_overflow=32)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling begins DEFERRED and late; ours begins below.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "busy_timeout=5000",
            "wal_autocheckpoint=4000",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-32000",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A deferred transaction that reads and then writes fails with "database is locked",
        # whatever the time-out.
        deferred = connection.info.get("deferred", False)
        connection.exec_driver_sql("BEGIN" if deferred else "BEGIN IMMEDIATE")

    return engine


class _FileLock:
    """Fair turns between the writers of all processes and threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._descriptor: int | None = None
        self._owner = os.getpid()

    def __enter__(self) -> None:
        if not self._threads.acquire(timeout=LOCK_DEADLINE):
            raise Unavailable("the database's writers' lock was not free in time")
        try:
            self._take()
        except BaseException:
            self._threads.release()
            raise

    def _take(self) -> None:
        if self._descriptor is None or self._owner != os.getpid():
            # After a fork the parent's open file would share its lock with the child.
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._owner = os.getpid()
        deadline = time.monotonic() + LOCK_DEADLINE
        pause = 0.0002
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unavailable("the database's writers' lock was not free in time") from None
                threading.Event().wait(pause)
                pause = min(pause * 1.5, 0.005)
            else:
                return

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._threads.release()


__all__ = ["Database", "OperationalError"]
