"""The stores tests run on: SQLite always, a real PostgreSQL where its programs are installed."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from relay.storage.database import Database
from relay.storage.tables import metadata

_NUMBERS = count(1)


def _program(name: str) -> str | None:
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(packaged[-1]) if packaged else shutil.which(name)


def _as_postgres() -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a server of its own, on a Unix socket, gone after the tests."""
    control = _program("pg_ctl")
    if control is None or _program("initdb") is None:
        missing = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    home = Path(tempfile.mkdtemp(prefix="relay-pg-", dir="/tmp"))
    if os.getuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(home, owner.pw_uid, owner.pw_gid)
    run = _as_postgres()
    options = f"-k {home} -c listen_addresses='' -c fsync=off"
    setup = [control, "-D", f"{home}/data", "-o", "-U relay -A trust -E UTF8 --locale=C", "initdb"]
    start = [control, "-D", f"{home}/data", "-w", "-l", f"{home}/log", "-o", options, "start"]
    for command in (setup, start):
        subprocess.run([*run, *command], check=True, capture_output=True, cwd="/", timeout=60)  # noqa: S603 - our own words
    try:
        yield f"postgresql+psycopg://relay@/{{name}}?host={home}"
    finally:
        stop = [*run, control, "-D", f"{home}/data", "-m", "immediate", "stop"]
        subprocess.run(stop, check=True, capture_output=True, cwd="/", timeout=60)  # noqa: S603 - our own words
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty store with every table, once on each database."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'relay.db'}"
    else:
        server: str = request.getfixturevalue("postgresql")
        name = f"relay_{next(_NUMBERS)}"
        admin = create_engine(server.format(name="postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        url = server.format(name=name)
    database = Database(url)
    metadata.create_all(database.engine)
    yield database
    database.close()
