"""The remote CRM behind the port: what concerns one person or item in order, the rest at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from relay.core.errors import InvalidInput, RelayError
from relay.crm.port import Operation, Result
from relay.crm.remote import items, people
from relay.crm.remote.client import Client
from relay.crm.remote.definitions import Definitions
from relay.crm.remote.session import (
    ListLookup,
    Made,
    NumberLookup,
    Session,
    Written,
    no_list,
    no_numbers,
)

VERBS: Mapping[str, Callable[[Session, Operation], Awaitable[Result]]] = {
    "find_item": items.find_item,
    "update_item": items.update_item,
    "create_item": items.create_item,
    "add_contact": items.add_contact,
    "upsert_contact": people.upsert_contact,
    "upsert_account": people.upsert_account,
    "post_stream": people.post_stream,
}
AT_ONCE = 16
_SUBJECTS = ("item", "email", "contact", "account", "name")


class RemoteCRM:
    """One organization's CRM at the other end of `client`. Light: one for each run; what it reads
    about items serves the later steps of the run.

    `item_of_number` finds the item that a document of ours was booked for, `list_of_item` the list
    that an item was last seen on: a CRM finds items list by list.
    """

    def __init__(
        self,
        *,
        client: Client,
        definitions: Definitions | None = None,
        item_of_number: NumberLookup = no_numbers,
        list_of_item: ListLookup = no_list,
    ) -> None:
        self._session = Session(
            client=client,
            definitions=definitions or Definitions(),
            item_of_number=item_of_number,
            list_of_item=list_of_item,
        )

    async def perform(self, operations: Sequence[Operation]) -> list[Result]:
        """Carries out the operations; one result each, in the same order. A call whose outcome is
        not known is answered with UnknownOutcome: every verb may be done again."""
        results: dict[int, Result] = {}
        limit = asyncio.Semaphore(AT_ONCE)

        async def in_order(numbers: Sequence[int]) -> None:
            for number in numbers:
                async with limit:
                    results[number] = await self.one(operations[number])

        async with asyncio.TaskGroup() as tasks:
            for numbers in _lines(operations):
                tasks.create_task(in_order(numbers))
        return [results[number] for number in range(len(operations))]

    async def one(self, operation: Operation) -> Result:
        """One of them."""
        verb = VERBS.get(operation.verb)
        if verb is None:
            return InvalidInput(f"the CRM has no verb {operation.verb!r}")
        try:
            return await verb(self._session, operation)
        except RelayError as error:
            return error

    def written(self) -> list[Written | Made]:
        """What was written since the last time this was asked."""
        found, self._session.written = self._session.written, []
        return found


def _lines(operations: Sequence[Operation]) -> list[list[int]]:
    """The operations that are about one thing, together and in order."""
    lines: dict[str, list[int]] = {}
    for number, operation in enumerate(operations):
        given = [str(operation.params[name]) for name in _SUBJECTS if operation.params.get(name)]
        subject = operation.item or (given[0].lower() if given else str(number))
        lines.setdefault(subject, []).append(number)
    return list(lines.values())
