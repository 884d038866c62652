"""The embedded CRM behind the port: chunks of operations, set by set, in one transaction."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from relay.core.clock import Clock
from relay.core.errors import InvalidInput
from relay.crm.changes import Told, Wanted, wanted_always
from relay.crm.embedded import records
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.verbs import VERBS
from relay.crm.moments import milliseconds
from relay.crm.port import Operation, Result
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
        """Carries out the operations in the caller's transaction, in order within an organization,
        and appends what changed to `changes`. One result each; an operation that cannot be done is
        answered with its error and leaves nothing behind.

        Neighbours with one verb are one set: put operations of one verb beside each other.
        """
        now = milliseconds(self.clock.now())
        results: dict[int, Result] = {}
        for org in dict.fromkeys(operation.org for operation in operations):
            desk = Desk(conn=conn, org=org, now_ms=now, changes=changes, wanted=wanted)
            for verb, numbers in _sets(operations, org):
                chosen = [operations[number] for number in numbers]
                results |= zip(numbers, _carry_out(desk, verb, chosen), strict=True)
                records.flush(desk)
        return [results[number] for number in range(len(operations))]

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


def _carry_out(desk: Desk, verb: str, operations: Sequence[Operation]) -> list[Result]:
    if verb not in VERBS:
        return [InvalidInput(f"the CRM has no verb {verb!r}") for _ in operations]
    return VERBS[verb](desk, operations)


def _sets(operations: Sequence[Operation], org: int) -> Iterator[tuple[str, list[int]]]:
    numbers: list[int] = []
    for number, operation in enumerate(operations):
        if operation.org != org:
            continue
        if numbers and operations[numbers[0]].verb != operation.verb:
            yield operations[numbers[0]].verb, numbers
            numbers = []
        numbers.append(number)
    if numbers:
        yield operations[numbers[0]].verb, numbers
