"""Chunks of operations one after the other in one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from relay.core.errors import InvalidInput
from relay.crm.changes import Told, Wanted, wanted_always
from relay.crm.embedded import records
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.verbs import VERBS
from relay.crm.port import Operation, Result
from relay.storage.bundle import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """What was read and locked for one chunk is known to the next: each organization keeps its
    desk."""

    conn: Connection
    now_ms: int
    changes: list[Told]
    bundle: Bundle
    desks: dict[int, Desk] = field(default_factory=dict)

    def apply(
        self, operations: Sequence[Operation], *, wanted: Wanted = wanted_always
    ) -> list[Result]:
        """Carries out the operations, in order within an organization. One result each; an
        operation that cannot be done is answered with its error and leaves nothing behind.

        Neighbours with one verb are one set: put operations of one verb beside each other.
        """
        results: dict[int, Result] = {}
        for org in dict.fromkeys(operation.org for operation in operations):
            desk = self._desk(org)
            desk.wanted = wanted
            for verb, numbers in _sets(operations, org):
                chosen = [operations[number] for number in numbers]
                results |= zip(numbers, _carry_out(desk, verb, chosen), strict=True)
                records.flush(desk)
        return [results[number] for number in range(len(operations))]

    def _desk(self, org: int) -> Desk:
        if org not in self.desks:
            self.desks[org] = Desk(
                conn=self.conn,
                org=org,
                now_ms=self.now_ms,
                changes=self.changes,
                bundle=self.bundle,
            )
        return self.desks[org]


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
