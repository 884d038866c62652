"""What the remote CRM's lists and fields are: read once, read again when a name is not there."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from relay.core.errors import InvalidInput, NotFound
from relay.crm.model import (
    CLOSED,
    Field,
    Fields,
    FieldType,
    List,
    ListType,
    Option,
    User,
    slug_of,
)
from relay.crm.naming import nearest
from relay.crm.remote.client import Client, Wire
from relay.crm.values import People


@dataclass(slots=True, kw_only=True)
class Definitions:
    """Kept by the process, one for each connection; shared by all its adapters."""

    lists: Sequence[List] = ()
    account_fields: Fields = field(default_factory=lambda: Fields(of="accounts", all=()))
    # Those that were asked for; None: there is nobody of that id.
    users: dict[str, User | None] = field(default_factory=dict)
    _read: bool = False
    _reads: int = 0
    _turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = field(
        default_factory=WeakKeyDictionary
    )
    # A CRM that has no such route (a stand-in) is spoken to in ids alone.
    _absent: bool = False

    @property
    def are_read(self) -> bool:
        return self._read

    @property
    def by_id(self) -> dict[str, List]:
        """The lists that the key sees."""
        return {one.id: one for one in self.lists}

    def people(self) -> People:
        """The users that were asked for."""
        return People.of([user for user in self.users.values() if user is not None])

    async def called(self, client: Client, name: object) -> List:
        """The list of that title or id. Raises InvalidInput."""
        found = self._find(str(name))
        if found is None and not self._absent:
            await self.refresh(client)
            found = self._find(str(name))
        if found is None and self._absent:
            return List(
                id=str(name), title=str(name), type=ListType.ACCOUNT, fields=Fields(of="", all=())
            )
        if found is None:
            known = {one.title: one for one in self.lists}
            raise InvalidInput(f"there is no list {str(name)!r}{nearest(name, known)}")
        return found

    async def accounts(self, client: Client) -> Fields:
        """The fields of accounts."""
        if not self._read:
            await self.refresh(client)
        return self.account_fields

    async def refresh(self, client: Client) -> None:
        """Reads the definitions again; who asks while somebody reads takes what that one brings."""
        before = self._reads
        async with self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            if self._reads == before:
                await self._read_again(client)
                self._reads += 1

    async def _read_again(self, client: Client) -> None:
        try:
            lists, accounts = await client.lists(), await client.account_fields()
        except NotFound:
            self._absent = self._read = True
            return
        self.adopt(lists, accounts)

    def adopt(self, lists: Sequence[Wire], account_fields: Sequence[Wire]) -> None:
        """Takes them as they were read, now or some time ago."""
        self.lists = tuple(_list(one) for one in lists)
        self.account_fields = _fields("accounts", account_fields)
        self._read, self._absent = True, False

    def _find(self, name: str) -> List | None:
        by_title = next((one for one in self.lists if one.title == name), None)
        return by_title or next((one for one in self.lists if one.id == name), None)


def _list(wire: Wire) -> List:
    title = str(wire.get("title"))
    return List(
        id=str(wire.get("id")),
        title=title,
        # A third type, `both`, was no longer supported when the service ended.
        type=ListType.CONTACT if wire.get("listType") == "contact" else ListType.ACCOUNT,
        fields=_fields(title, _maps(wire.get("fields"))),
    )


def _fields(of: str, wire: Sequence[Wire]) -> Fields:
    return Fields(of=of, all=tuple(_field(one) for one in wire))


def _field(wire: Wire) -> Field:
    known = {kind.value: kind for kind in FieldType}
    return Field(
        id=str(wire.get("id")),
        name=str(wire.get("name")),
        slug=slug_of(str(wire.get("name"))),
        type=known.get(str(wire.get("dataType")), FieldType.TEXT),
        options=tuple(_option(one) for one in _maps(wire.get("listOptions"))),
        is_multi=wire.get("isMultiSelect") is True,
        is_editable=wire.get("isEditable") is not False,
    )


def _option(wire: Wire) -> Option:
    display = str(wire.get("display"))
    return Option(
        id=str(wire.get("id")), display=display, is_closed=display.strip().lower() in CLOSED
    )


def _maps(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
