"""A watch post: an organization whose CRM is a stand-in, and what its watch tells."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from relay import bootstrap
from relay.pipeline import remote_watch as watch
from relay.pipeline.watching import LEASE
from relay.queue import Silent
from relay.runtime import Runtime
from relay.settings import Settings
from relay.storage import connections, identity, work
from relay.storage import watch as stored
from relay.storage.tables.base import load
from relay.storage.tables.events import events, payloads
from relay.storage.tables.watch import cursors
from relay.storage.tables.work import work as waiting
from relay.storage.watch import WatchRow
from relay.storage.work import Kind, Lease
from tests.scenarios.house import KEY as RING
from tests.standin.crm import KEY, SECRET, StandIn
from tests.standin.server import stand_in


@dataclass(slots=True)
class Post:
    """`look` is one look of the watch; `told` what has been told since it was asked last."""

    runtime: Runtime
    org: int
    connection: int
    crm: StandIn
    heard: int = 0

    def look(self, *, times: int = 1, keep_leases: bool = False) -> None:
        """Looks, whenever the next one would have been due."""
        for _ in range(times):
            asyncio.run(self._look(keep_leases))

    async def _look(self, keep_leases: bool) -> None:
        lease, token = self.claim(keep_leases)
        try:
            await watch.watch(self.runtime, lease, token)
        finally:
            await self.runtime.http.aclose()

    def claim(self, keep_leases: bool = False) -> tuple[Lease, int]:
        db, token = self.runtime.db, secrets.randbits(30)
        free = {} if keep_leases else {"lease_until": None}
        with db.write() as conn:
            past = self.runtime.clock.now() - timedelta(hours=1)
            conn.execute(update(waiting).values(due_at=past, **free))
        (lease,) = work.claim(db, Kind.WATCH, [self.connection], seconds=LEASE, token=token)
        return lease, token

    def told(self) -> list[tuple[Any, ...]]:
        """(what, item, field, from, to) of each transition."""
        query = (
            select(events.c.id, payloads.c.body)
            .join(payloads, payloads.c.event_id == events.c.id)
            .where(events.c.kind == "transition", events.c.id > self.heard)
            .order_by(events.c.id)
        )
        found = []
        with self.runtime.db.read() as conn:
            for row in conn.execute(query):
                self.heard = row.id
                body = load(row.body.decode())
                what = body["type"].partition(".")[2]
                change = (body.get("field"), body.get("from"), body.get("to"))
                found.append((what, body["about"], *change) if change[0] else (what, body["about"]))
        return found

    def state(self) -> WatchRow:
        with self.runtime.db.read() as conn:
            found = stored.watch_of(conn, self.connection)
        assert found is not None
        return found

    def due_in(self) -> float:
        """Seconds until the next look."""
        with self.runtime.db.read() as conn:
            due = conn.execute(select(waiting.c.due_at)).scalar_one()
        return float((due - self.runtime.clock.now()).total_seconds())

    def full_pass(self) -> None:
        """The next look passes over every item."""
        with self.runtime.db.write() as conn:
            conn.execute(update(cursors).values(passed_at=None))


@contextmanager
def open_post(database_url: str, home: Path, **settings: object) -> Iterator[Post]:
    env = {
        "RELAY_HOME": str(home),
        "RELAY_DATABASE_URL": database_url,
        "RELAY_SECRET_KEYS": RING,
        "RELAY_EGRESS_ALLOW": "127.0.0.0/8",
        "RELAY_EGRESS_HTTP": "yes",
    }
    runtime = bootstrap.build(Settings.from_env(env), role="test", queue=Silent())
    now = runtime.clock.now()
    with stand_in() as (crm, url):
        with runtime.db.write() as conn:
            org = identity.create_organization(conn, "Acme", is_test=False, at=now)
            connection = connections.create_connection(
                conn, runtime.vault, org, provider="salesforceiq", name="their crm", base_url=url,
                credentials={"key": KEY, "secret": SECRET}, settings=settings, sandbox=False,
                at=now,
            )  # fmt: skip
            stored.begin(runtime.db, conn, org, connection)
        yield Post(runtime, org, connection, crm)
    runtime.db.close()
