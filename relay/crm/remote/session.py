"""What the verbs of one run share: the client, the definitions, items as they were read, and what
was written."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from relay.core.errors import InvalidInput, NotFound
from relay.crm.model import Field, Fields, FieldType, List, Stored
from relay.crm.naming import named_values
from relay.crm.remote.client import Client, Wire
from relay.crm.remote.definitions import Definitions
from relay.crm.values import People, Sent, display, same, stored, to_wire

# Finds the id of the item that a document number of ours was booked for.
NumberLookup = Callable[[int, str], Awaitable[str | None]]
# Finds the list that an item was last seen on.
ListLookup = Callable[[str], Awaitable[str | None]]

Changes = dict[str, tuple[object, object]]


async def no_list(item: str) -> str | None:
    """No item was ever seen."""
    del item
    return None


async def no_numbers(org: int, number: str) -> str | None:
    """Nothing was ever booked."""
    del org, number
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An item as the CRM says it is after a write of ours; `before` it was so, or was not there."""

    list_id: str
    before: Wire | None
    after: Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A contact or an account that we made."""

    kind: Literal["contact", "account"]
    after: Wire


@dataclass(slots=True, kw_only=True)
class Session:
    """`seen` are items and `people` contacts by id, as the CRM last told them: a run asks for each
    once. `written` is what the verbs changed, in order."""

    client: Client
    definitions: Definitions
    item_of_number: NumberLookup
    list_of_item: ListLookup
    seen: dict[str, Wire] = field(default_factory=dict)
    people: dict[str, Wire] = field(default_factory=dict)
    written: list[Written | Made] = field(default_factory=list)

    def keep(self, item: Wire) -> Wire:
        self.seen[str(item.get("id"))] = item
        return item

    def meet(self, person: Wire) -> Wire:
        """Remembers a contact under its id, and under those by which it was asked for."""
        asked = person.get("requestedIds")
        for id in (person.get("id"), *(asked if isinstance(asked, list) else ())):
            self.people[str(id)] = person
        return person

    async def contacts(self, ids: Sequence[str]) -> list[Wire]:
        """Those of the contacts that are there."""
        known = [self.people[id] for id in ids if id in self.people]
        asked = [id for id in ids if id not in self.people]
        return known + [self.meet(one) for one in await self.client.contacts(asked)]

    async def contacts_by_email(self, email: str) -> list[Wire]:
        """The contacts that have the address, the oldest first."""
        return [self.meet(one) for one in await self.client.contacts_by_email(email)]

    async def item(self, id: str) -> Wire:
        """The item, on whichever list it is. Raises NotFound."""
        if id in self.seen:
            return self.seen[id]
        if not self.definitions.lists:
            await self.definitions.refresh(self.client)
        likely = await self.list_of_item(id)
        for in_list in sorted(self.definitions.lists, key=lambda one: one.id != likely):
            for found in await self.client.items_by_ids(in_list.id, [id]):
                return self.keep(found)
        raise NotFound(f"there is no list item {id!r}")

    async def values(self, in_list: List, given: object) -> dict[str, Stored | None]:
        """Values by field id, ready to be sent; a name that is not there is looked for once more
        in fresh definitions. Raises InvalidInput."""
        try:
            return ready(in_list.fields, given)
        except InvalidInput:
            await self.definitions.refresh(self.client)
            return ready((await self.definitions.called(self.client, in_list.id)).fields, given)

    async def account_values(self, given: object) -> dict[str, Stored | None]:
        return ready(await self.definitions.accounts(self.client), given)


def ready(fields: Fields, given: object) -> dict[str, Stored | None]:
    """Values by field id, ready to be sent. Raises InvalidInput."""
    if not fields.all:
        return _as_ids(given)
    owners = {f.id: f for f in fields.all if f.type in (FieldType.USER, FieldType.CONTACT)}
    plain = Fields(of=fields.of, all=tuple(_open(one) if one.id in owners else one
                                           for one in fields.all))  # fmt: skip
    return named_values(plain, given, _SENT)


def _open(one: Field) -> Field:
    """Users and contacts are known to the CRM alone, by id and by address: sent as they are."""
    return Field(
        id=one.id,
        name=one.name,
        slug=one.slug,
        type=FieldType.TEXT,
        is_multi=one.is_multi,
        is_editable=one.is_editable,
    )


_SENT = Sent(people=People, mapped=True)
_TEXT = Field(id="", name="", slug="", type=FieldType.TEXT, is_multi=False)


def _as_ids(given: object) -> dict[str, Stored | None]:
    if not isinstance(given, Mapping):
        return {}
    return {str(id): stored(_TEXT, value, _SENT) for id, value in given.items()}


def news(
    in_list: List, item: Wire, values: Mapping[str, Stored | None]
) -> tuple[dict[str, object], Changes]:
    """What of the values is not on the item yet, as it is sent, and what that changes."""
    sent: dict[str, object] = {}
    changes: Changes = {}
    for id, value in values.items():
        one = in_list.fields.by_id.get(id, _TEXT)
        before = read_value(item, id, is_multi=one.is_multi)
        if not same(one, before, value):
            sent[id] = to_wire(value) if value is not None else []
            name = one.slug or id
            changes[name] = (display(one, before, People), display(one, value, People))
    return sent, changes


def read_value(item: Wire, field_id: str, *, is_multi: bool) -> Stored | None:
    """One value of an item as the CRM wrote it."""
    values = item.get("fieldValues")
    entries = values.get(field_id) if isinstance(values, Mapping) else None
    if not isinstance(entries, list) or not entries:
        return None
    found = [one.get("raw") for one in entries if isinstance(one, Mapping)]
    raws = [str(raw) for raw in found if raw is not None]
    if not raws:
        return None
    return raws if is_multi else raws[0]


def values_of(in_list: List, item: Wire) -> dict[str, Stored]:
    """All values of an item, by field id."""
    read = {one.id: read_value(item, one.id, is_multi=one.is_multi) for one in in_list.fields.all}
    return {id: value for id, value in read.items() if value is not None}


def contact_ids(item: Wire) -> list[str]:
    """An item's points of contact."""
    found = item.get("contactIds")
    return [str(id) for id in found if id] if isinstance(found, Sequence) else []
