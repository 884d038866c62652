"""The remote CRM behind the port: what concerns one person or item in order, the rest at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from relay.core.errors import InvalidInput, RelayError
from relay.crm.port import Operation, Result
from relay.crm.remote import items, people
from relay.crm.remote.client import Client
from relay.crm.remote.definitions import Definitions
from relay.crm.remote.session import NumberLookup, Session, no_numbers

VERBS: Mapping[str, Callable[[Session, Operation], Awaitable[Result]]] = {
    "find_item": items.find_item,
    "update_item": items.update_item,
    "create_item": items.create_item,
    "add_contact": items.add_contact,
    "upsert_contact": people.upsert_contact,
    "upsert_account": people.upsert_account,
    "post_stream": people.post_stream,
}
_SUBJECTS = ("item", "email", "contact", "account", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCRM:
    """One organization's CRM at the other end of `client`. Light: one for each chunk of work; what
    it reads about items serves the later steps of the same runs.

    `item_of_number` finds the item that a document of ours was booked for.
    """

    client: Client
    definitions: Definitions = field(default_factory=Definitions)
    item_of_number: NumberLookup = no_numbers
    at_once: int = 16
    _session: list[Session] = field(default_factory=list)

    async def perform(self, operations: Sequence[Operation]) -> list[Result]:
        """Carries out the operations; one result each, in the same order. A call whose outcome is
        not known is answered with UnknownOutcome: every verb may be done again."""
        if not self._session:
            self._session.append(
                Session(
                    client=self.client,
                    definitions=self.definitions,
                    item_of_number=self.item_of_number,
                )
            )
        results: dict[int, Result] = {}
        limit = asyncio.Semaphore(self.at_once)

        async def in_order(numbers: Sequence[int]) -> None:
            for number in numbers:
                async with limit:
                    results[number] = await _one(self._session[0], operations[number])

        async with asyncio.TaskGroup() as tasks:
            for numbers in _lines(operations):
                tasks.create_task(in_order(numbers))
        return [results[number] for number in range(len(operations))]


async def _one(session: Session, operation: Operation) -> Result:
    verb = VERBS.get(operation.verb)
    if verb is None:
        return InvalidInput(f"the CRM has no verb {operation.verb!r}")
    try:
        return await verb(session, operation)
    except RelayError as error:
        return error


def _lines(operations: Sequence[Operation]) -> list[list[int]]:
    """The operations that are about one thing, together and in order."""
    lines: dict[str, list[int]] = {}
    for number, operation in enumerate(operations):
        given = [str(operation.params[name]) for name in _SUBJECTS if operation.params.get(name)]
        subject = operation.item or (given[0].lower() if given else str(number))
        lines.setdefault(subject, []).append(number)
    return list(lines.values())
