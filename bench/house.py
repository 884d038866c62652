"""A Relay of real processes on a fresh store, and what a benchmark asks of it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from sqlalchemy import func, select, text

from bench.load import Request, wait_for
from relay import bootstrap, first, standard_webhooks
from relay.queue import Silent
from relay.runtime import Runtime
from relay.settings import Settings
from relay.storage import sources
from relay.storage.tables import metadata
from relay.supervisor.home import Home
from relay.supervisor.programs import Program, answers, broker_program, processes
from relay.supervisor.tree import Tree
from tests import stores

KEYS = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
# The job of the story: a person found by email, their item set, the stream told.
JOB: dict[str, Any] = {
    "event": "form.submitted",
    "email": "${event.data.email}",
    "list": "Leads",
    "fields": {"status": "Contacted", "account_name": "${event.data.company}"},
    "stream": {"subject": "Filled in the form", "body": "${event.data.email} wrote to us."},
}


@dataclass(slots=True, kw_only=True)
class House:
    """One Relay; `port` is its web server's."""

    runtime: Runtime
    made: first.First
    port: int
    tree: Tree | None = None

    def signed(self, name: str, mapping: dict[str, Any] | None) -> sources.SourceRow:
        """A source whose every request carries a Standard Webhooks signature and id."""
        with self.runtime.db.write() as conn:
            return sources.create_source(
                conn,
                self.runtime.vault,
                self.made.org,
                type="webhook",
                name=name,
                secret=standard_webhooks.new_secret(),
                options={"event_type": "form.submitted"},
                mapping=mapping,
                at=self.runtime.clock.now(),
            )

    def requests(self, source: sources.SourceRow, emails: Sequence[str]) -> list[Request]:
        """One signed form for each address; each its own delivery."""
        now = self.runtime.clock.now()
        secrets = source.config(now).secrets
        made = []
        for number, email in enumerate(emails):
            body = orjson.dumps({"email": email, "name": "Kim Example", "company": "Acme Ltd"})
            id = f"msg_{time.time_ns()}_{number}"
            signature = standard_webhooks.sign(id, body, secrets, now)
            headers = {"content-type": "application/json", **signature}
            made.append(Request(path=f"/in/webhook/{source.token}", body=body, headers=headers))
        return made

    def start(self, program: Program) -> None:
        assert self.tree is not None
        self.tree.start(program)
        self.tree.wait_ready(program, seconds=60)

    def count(self, table: str, **equals: Any) -> int:
        """Rows there are."""
        found = metadata.tables[table]
        query = select(func.count()).select_from(found)
        for column, value in equals.items():
            query = query.where(found.c[column] == value)
        with self.runtime.db.read() as conn:
            return int(conn.execute(query).scalar_one())

    def until_settled(self, *, seconds: float = 60.0) -> float:
        """Waits until no work is left; the clock's time then. Raises TimeoutError."""
        return wait_for(lambda: int(self.settled()), 1, seconds=seconds)

    def settled(self) -> bool:
        """Whether no work is left. It costs the store next to nothing to be asked."""
        with self.runtime.db.read() as conn:
            return conn.execute(select(metadata.tables["work"].c.id).limit(1)).first() is None

    def settle(self) -> None:
        """Lets a store that has just been filled write itself out."""
        if self.runtime.db.dialect == "postgresql":
            calm = self.runtime.db.engine.execution_options(isolation_level="AUTOCOMMIT")
            with calm.connect() as conn:
                conn.execute(text("VACUUM ANALYZE"))
                conn.execute(text("CHECKPOINT"))
        os.sync()


@contextmanager
def opened(kind: str, *, run: Sequence[str] = ("web", "worker", "beat")) -> Iterator[House]:
    """A Relay on `sqlite` or `postgresql`; `run` names its processes beside the broker."""
    with TemporaryDirectory(prefix="relay-bench-") as folder, store(kind, Path(folder)) as url:
        env = environment(Path(folder), url)
        settings = Settings.from_env(env)
        runtime, made = seeded(settings)
        try:
            with Home(Path(folder)) as home, Tree(home, env) as tree:
                house = House(runtime=runtime, made=made, port=settings.port, tree=tree)
                house.start(broker_program(settings))
                for program in processes(settings):
                    if program.name in run:
                        house.start(program)
                yield house
        finally:
            runtime.db.close()


@contextmanager
def running(kind: str) -> Iterator[tuple[House, Settings]]:
    """The same, as a person starts it: `relay up`, which starts again what ends."""
    with TemporaryDirectory(prefix="relay-bench-") as folder, store(kind, Path(folder)) as url:
        env = environment(Path(folder), url)
        settings = Settings.from_env(env)
        runtime, made = seeded(settings)
        with Path(folder, "up.log").open("wb") as log:
            program = subprocess.Popen(
                [sys.executable, "-m", "relay", "up"],
                env=env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            stores.until(lambda: answers(settings, "/readyz"), "relay up to start", seconds=60)
            yield House(runtime=runtime, made=made, port=settings.port), settings
        finally:
            runtime.db.close()
            program.terminate()
            program.wait(60)


def environment(folder: Path, database_url: str) -> dict[str, str]:
    """What the processes of a fresh Relay are started with."""
    return {
        **os.environ,
        "RELAY_HOME": str(folder),
        "RELAY_DATABASE_URL": database_url,
        "RELAY_SECRET_KEYS": KEYS,
        "RELAY_EGRESS_ALLOW": "127.0.0.0/8",
        "RELAY_EGRESS_HTTP": "yes",
        "RELAY_LOG_LEVEL": "warning",
        "PORT": str(free_port()),
    }


def seeded(settings: Settings) -> tuple[Runtime, first.First]:
    """A runtime of our own beside the processes, and the first organization."""
    bootstrap.upgrade(settings)
    runtime = bootstrap.build(settings, role="cli", queue=Silent())
    with runtime.db.write() as conn:
        return runtime, first.seed(runtime, conn, runtime.clock.now())


@contextmanager
def store(kind: str, folder: Path) -> Iterator[str]:
    """The address of an empty one."""
    if kind == "sqlite":
        yield f"sqlite:///{folder}/relay.db"
        return
    with stores.started(fsync=True) as server, server.database(folder, tables=False) as url:
        yield url


def free_port() -> int:
    """A port of the loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number
