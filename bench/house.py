"""A Relay of real processes on a fresh store, and what a benchmark asks of it."""

import os
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from sqlalchemy import func, select, text

from bench.load import Request
from relay import bootstrap, first, standard_webhooks
from relay.queue import Silent
from relay.runtime import Runtime
from relay.settings import Settings
from relay.storage import sources
from relay.storage.tables import metadata
from relay.supervisor.home import Home
from relay.supervisor.programs import Program, broker_program, processes
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
    tree: Tree

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

    def settled(self) -> bool:
        """Whether no work is left."""
        return self.count("work") == 0

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
    with TemporaryDirectory(prefix="relay-bench-") as folder, _store(kind, Path(folder)) as url:
        port = free_port()
        env = {
            **os.environ,
            "RELAY_HOME": folder,
            "RELAY_DATABASE_URL": url,
            "RELAY_SECRET_KEYS": KEYS,
            "RELAY_EGRESS_ALLOW": "127.0.0.0/8",
            "RELAY_EGRESS_HTTP": "yes",
            "RELAY_LOG_LEVEL": "warning",
            "PORT": str(port),
        }
        settings = Settings.from_env(env)
        bootstrap.upgrade(settings)
        runtime = bootstrap.build(settings, role="cli", queue=Silent())
        with runtime.db.write() as conn:
            made = first.seed(runtime, conn, runtime.clock.now())
        try:
            with Home(Path(folder)) as home, Tree(home, env) as tree:
                house = House(runtime=runtime, made=made, port=port, tree=tree)
                house.start(broker_program(settings))
                for program in processes(settings):
                    if program.name in run:
                        house.start(program)
                yield house
        finally:
            runtime.db.close()


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[str]:
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
