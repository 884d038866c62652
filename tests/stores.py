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
from typing import Protocol

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url

from relay.storage.database import Database
from relay.storage.tables import metadata
from relay.supervisor import broker

_SECONDS = 60
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Store(Protocol):
    """Makes databases of one kind, each fresh."""

    def database(self, folder: Path, *, tables: bool) -> AbstractContextManager[str]: ...


class SQLite:
    """Files; the tables are made once and copied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template: Path | None = None
        self._numbers = count(1)

    @contextmanager
    def database(self, folder: Path, *, tables: bool) -> Iterator[str]:
        path = folder / f"relay-{next(self._numbers)}.db"
        if tables:
            shutil.copy(self._with_tables(), path)
        yield f"sqlite:///{path}"

    def _with_tables(self) -> Path:
        if self._template is None:
            self._template = self._folder / "template.db"
            _make_tables(f"sqlite:///{self._template}")
        return self._template


class PostgreSQL:
    """Databases on one server; the tables are made once, in a template."""

    def __init__(self, address: URL) -> None:
        self._address = address
        self._admin = create_engine(address, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._template: str | None = None
        self._prefix = f"relay_test_{os.getpid()}"
        self._numbers = count(1)

    @contextmanager
    def database(self, folder: Path, *, tables: bool) -> Iterator[str]:
        del folder
        name = f"{self._prefix}_{next(self._numbers)}"
        _say(self._admin, f"CREATE DATABASE {name} TEMPLATE {self._source(tables=tables)}")
        try:
            yield self._url(name)
        finally:
            _say(self._admin, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        if self._template is not None:
            _say(self._admin, f"DROP DATABASE IF EXISTS {self._template} WITH (FORCE)")
        self._admin.dispose()

    def _source(self, *, tables: bool) -> str:
        if not tables:
            return "template0"
        if self._template is None:
            name = f"{self._prefix}_template"
            _say(self._admin, f"CREATE DATABASE {name} TEMPLATE template0")
            _make_tables(self._url(name))
            self._template = name
        return self._template

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
    home = Path(tempfile.mkdtemp(prefix="relay-pg-", dir="/tmp"))
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(home, owner.pw_uid, owner.pw_gid)
    data = ["-D", f"{home}/data"]
    sync = "on" if fsync else "off"
    options = f"-k {home} -c listen_addresses='' -c fsync={sync} -c max_connections=200"
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


def _say(admin: Engine, statement: str) -> None:
    with admin.connect() as connection:
        connection.execute(text(statement))


def _program(name: str) -> str | None:
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(packaged[-1]) if packaged else shutil.which(name)


def _postgres(*command: str) -> None:
    # PostgreSQL refuses to run as root.
    other = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*other, *command], check=True, capture_output=True, cwd="/", timeout=_SECONDS)
