"""A look at a CRM elsewhere while it goes on: under a lease, within its share of the quota."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from typing import TypeVar

from sqlalchemy import Connection

from relay.pipeline import pace
from relay.pipeline.calling import Line
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import watch as stored
from relay.storage import work
from relay.storage.connections import ConnectionRow
from relay.storage.watch import WatchRow
from relay.storage.work import Kind, Lease

LEASE = 120.0  # seconds; every page renews it

T = TypeVar("T")


class Lost(Exception):
    """The lease ended; whoever has it goes on from what is stored."""


@dataclass(slots=True, kw_only=True)
class Watching:
    """One look."""

    runtime: Runtime
    lease: Lease
    token: int
    setup: Setup
    row: ConnectionRow
    state: WatchRow
    line: Line
    until: float
    spent: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it is time to let others have their turn, or the day's share is used up."""
        left = pace.left(self.row, self.state, self.spent, self.runtime.clock.now())
        return left <= 0 or asyncio.get_running_loop().time() > self.until

    async def store(self, work_: Callable[[Connection], T]) -> T:
        """One transaction under the lease, which it renews. Raises Lost."""
        return await asyncio.to_thread(self._store, work_)

    def _store(self, work_: Callable[[Connection], T]) -> T:
        runtime, used = self.runtime, len(self.line.http.journal)
        with runtime.db.write() as conn:
            held = work.renew(
                runtime.db, conn, Kind.WATCH, [self.row.id], token=self.token, seconds=LEASE
            )
            if not held:
                raise Lost
            done = work_(conn)
            today = runtime.clock.now().astimezone(UTC).date()
            others = runtime.remotes.spent_since(self.row.id)
            stored.spend(conn, self.row.id, today, all_=used + others, watch=used)
        self.line.http.journal.clear()
        self.spent += used
        return done
