"""The embedded CRM behind the port: chunks of operations, set by set, in one transaction."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from relay.core.clock import Clock
from relay.crm.changes import Told, Wanted, wanted_always
from relay.crm.embedded import records
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.sitting import Sitting
from relay.crm.moments import milliseconds
from relay.crm.port import Operation, Result
from relay.storage.bundle import Bundle
from relay.storage.database import Database

T = TypeVar("T")

# Writes changes as events, in the transaction that made them.
Recorder = Callable[[Connection, Sequence[Told]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedCRM:
    """The CRM in our own database. `record` writes down what `perform` changed."""

    db: Database
    clock: Clock
    record: Recorder

    def apply(
        self,
        conn: Connection,
        operations: Sequence[Operation],
        changes: list[Told],
        *,
        wanted: Wanted = wanted_always,
    ) -> list[Result]:
        """One chunk of operations in the caller's transaction; see `Sitting.apply`."""
        bundle = Bundle()
        results = self.sit(conn, changes, bundle).apply(operations, wanted=wanted)
        bundle.write(conn)
        return results

    def sit(self, conn: Connection, changes: list[Told], bundle: Bundle) -> Sitting:
        """For several chunks in the caller's transaction. What changed is appended to `changes`;
        what nobody reads before the end is put in the bundle, which the caller writes."""
        now = milliseconds(self.clock.now())
        return Sitting(conn=conn, now_ms=now, changes=changes, bundle=bundle)

    def edit(
        self,
        conn: Connection,
        org: int,
        work: Callable[[Desk], T],
        changes: list[Told],
        *,
        wanted: Wanted = wanted_always,
    ) -> T:
        """Lets a person or an API change things in the caller's transaction; what changed is
        appended to `changes`."""
        now = milliseconds(self.clock.now())
        desk = Desk(conn=conn, org=org, now_ms=now, changes=changes, wanted=wanted)
        result = work(desk)
        records.flush(desk)
        desk.bundle.write(conn)
        return result

    async def perform(self, operations: Sequence[Operation]) -> list[Result]:
        """The same in a transaction of its own."""
        return await asyncio.to_thread(self._perform, operations)

    def _perform(self, operations: Sequence[Operation]) -> list[Result]:
        changes: list[Told] = []
        with self.db.write() as conn:
            results = self.apply(conn, operations, changes)
            self.record(conn, changes)
        return results
