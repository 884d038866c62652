"""Real stores for tests: SQLite files, a PostgreSQL server, a Valkey server, a browser's path."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from relay.storage.database import Database
from relay.storage.tables import metadata
from relay.supervisor import broker

T = TypeVar("T")
Prepare = Callable[[str], T]
"""Fills an empty store of this address, and tells what a test must know of it."""

_SECONDS = 60
_COPIES_FILES = (15,)  # the first PostgreSQL that copies a database as files when it is asked to
# What is lost with the machine may be lost, and nothing lives long enough to be tidied up.
_QUICK = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c autovacuum=off"
_ROOM = 4 << 30  # bytes; the tests need a tenth of it
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Store(Protocol):
    """Makes databases of one kind, each fresh."""

    def database(self, folder: Path, *, tables: bool) -> AbstractContextManager[str]: ...

    def copy(self, folder: Path, prepare: Prepare[T]) -> AbstractContextManager[tuple[str, T]]:
        """A copy of what `prepare` made, which is called once for all tests of this process."""


class SQLite:
    """Files, copied from one that is made once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Prepare[Any], tuple[Path, Any]] = {}
        self._numbers = count(1)

    @contextmanager
    def database(self, folder: Path, *, tables: bool) -> Iterator[str]:
        if tables:
            with self.copy(folder, _make_tables) as (url, _):
                yield url
        else:
            yield f"sqlite:///{self._new(folder)}"

    @contextmanager
    def copy(self, folder: Path, prepare: Prepare[T]) -> Iterator[tuple[str, T]]:
        template, told = self._template(prepare)
        path = self._new(folder)
        shutil.copy(template, path)
        yield f"sqlite:///{path}", told

    def _template(self, prepare: Prepare[Any]) -> tuple[Path, Any]:
        if prepare not in self._made:
            path = self._new(self._folder)
            if prepare is not _make_tables:
                shutil.copy(self._template(_make_tables)[0], path)
            self._made[prepare] = path, prepare(f"sqlite:///{path}")
        return self._made[prepare]

    def _new(self, folder: Path) -> Path:
        return folder / f"relay-{next(self._numbers)}.db"


class PostgreSQL:
    """Databases on one server, copied from one that is made once."""

    def __init__(self, address: URL) -> None:
        self._address = address
        # Chaos kills the server's processes under this connection too.
        self._admin = create_engine(address, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._made: dict[Prepare[Any], tuple[str, Any]] = {}
        self._prefix = f"relay_test_{os.getpid()}"
        self._numbers = count(1)

    @contextmanager
    def database(self, folder: Path, *, tables: bool) -> Iterator[str]:
        if tables:
            with self.copy(folder, _make_tables) as (url, _):
                yield url
        else:
            with self._dropped(self._new("template0")) as name:
                yield self._url(name)

    @contextmanager
    def copy(self, folder: Path, prepare: Prepare[T]) -> Iterator[tuple[str, T]]:
        del folder
        template, told = self._template(prepare)
        with self._dropped(self._new(template)) as name:
            yield self._url(name), told

    def close(self) -> None:
        for name, _ in self._made.values():
            self._drop(name)
        self._admin.dispose()

    def _template(self, prepare: Prepare[Any]) -> tuple[str, Any]:
        if prepare not in self._made:
            empty = prepare is _make_tables
            name = self._new("template0" if empty else self._template(_make_tables)[0])
            self._made[prepare] = name, prepare(self._url(name))
        return self._made[prepare]

    def _new(self, template: str) -> str:
        name = f"{self._prefix}_{next(self._numbers)}"
        with self._admin.connect() as connection:
            version = connection.dialect.server_version_info or (0,)
            # Much quicker than through its log, where nothing is made durable.
            files = " STRATEGY FILE_COPY" if version >= _COPIES_FILES else ""
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}{files}"))
        return name

    @contextmanager
    def _dropped(self, name: str) -> Iterator[str]:
        try:
            yield name
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))

    def _url(self, name: str) -> str:
        return self._address.set(database=name).render_as_string(hide_password=False)


@contextmanager
def given(url: str) -> Iterator[PostgreSQL]:
    """A server that somebody else runs."""
    server = PostgreSQL(make_url(url).set(drivername="postgresql+psycopg"))
    try:
        yield server
    finally:
        server.close()


@contextmanager
def started(*, fsync: bool = False) -> Iterator[PostgreSQL]:
    """A server of our own on a Unix socket, gone afterwards. Skips where it is not installed.
    `fsync`: as durable as a real one; tests need it faster than that."""
    control = _program("pg_ctl")
    if control is None or _program("initdb") is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    home = _home(in_memory=not fsync)
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(home, owner.pw_uid, owner.pw_gid)
    data = ["-D", f"{home}/data"]
    options = f"-k {home} -c listen_addresses='' -c max_connections=200 {'' if fsync else _QUICK}"
    _postgres(control, *data, "-o", "-U relay -A trust -E UTF8 --locale=C", "initdb")
    _postgres(control, *data, "-w", "-l", f"{home}/log", "-o", options, "start")
    try:
        with given(f"postgresql://relay@/postgres?host={home}") as server:
            yield server
    finally:
        _postgres(control, *data, "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def valkey() -> Iterator[Path]:
    """A broker of our own: the socket it listens on."""
    home = Path(tempfile.mkdtemp(prefix="relay-vk-", dir="/tmp"))
    at = home / "s"
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            broker.command(at, home), stdout=log, stderr=log, start_new_session=True
        )
    try:
        until(lambda: broker.answers(at), f"the broker to answer at {at}")
        yield at
    finally:
        process.terminate()
        process.wait(_SECONDS)
        shutil.rmtree(home, ignore_errors=True)


def flush(at: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(at))
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(16).startswith(b"+OK")


def chromium() -> str:
    """A browser's path. Skips where there is none."""
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    return found


def until(
    holds: Callable[[], bool], what: str, *, seconds: float = 30.0, every: float = 0.02
) -> None:
    """Waits until something another process does is seen."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s for {what}")
        pause.wait(every)


def _make_tables(url: str) -> None:
    database = Database(url, pool=1)
    metadata.create_all(database.engine)
    database.close()


def _home(*, in_memory: bool) -> Path:
    """A folder for a server, in memory where there is room: each copy of a database is some four
    hundred files."""
    memory, disk = "/dev/shm", "/tmp"  # noqa: S108 - mkdtemp makes a folder of its own there
    roomy = in_memory and Path(memory).is_dir() and shutil.disk_usage(memory).free > _ROOM
    return Path(tempfile.mkdtemp(prefix="relay-pg-", dir=memory if roomy else disk))


def _program(name: str) -> str | None:
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(packaged[-1]) if packaged else shutil.which(name)


def _postgres(*command: str) -> None:
    # PostgreSQL refuses to run as root.
    other = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*other, *command], check=True, capture_output=True, cwd="/", timeout=_SECONDS)
