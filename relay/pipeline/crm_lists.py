"""The lists that an organization works with: Relay's own, or those of its CRM elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from relay.core.errors import InvalidInput
from relay.crm.embedded.schema import Schema, schema
from relay.crm.model import List
from relay.crm.naming import nearest
from relay.pipeline.calling import definitions_of
from relay.runtime import Runtime
from relay.setups import CRM
from relay.storage.connections import ConnectionRow


def lists_of(runtime: Runtime, conn: Connection, org: int) -> Schema:
    """Those that rules and sources work with. Raises InvalidInput while those elsewhere have not
    been read."""
    crm = runtime.setups.of(conn, org).crm
    return schema(conn, org) if crm is None else lists_at(conn, crm)


def lists_at(conn: Connection, crm: ConnectionRow) -> Schema:
    """Those of a CRM elsewhere. Raises InvalidInput where there are none to read, or not yet."""
    if crm.provider != CRM:
        raise InvalidInput(f"{crm.name} is no CRM: it has no lists")
    found = definitions_of(conn, crm.id)
    if found is None:
        raise InvalidInput(_unread(crm.name))
    return Schema(stamp=0, lists=found.lists, account_fields=found.account_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """What a hook or a key may be kept to: Relay's `own` lists and those `elsewhere`, of the CRM
    called `crm`; `is_read` where that was looked at."""

    own: Sequence[List]
    elsewhere: Sequence[List] = ()
    crm: str | None = None
    is_read: bool = True

    @property
    def all(self) -> Sequence[List]:
        return (*self.elsewhere, *self.own)

    @property
    def titles(self) -> dict[str, str]:
        """By id; of those elsewhere with the CRM's name, where a title would mean two."""
        own = {one.title for one in self.own}
        told = {one.id: one.title for one in self.own}
        for one in self.elsewhere:
            told[one.id] = f"{one.title} ({self.crm})" if one.title in own else one.title
        return told

    def document(self, one: List) -> dict[str, str | None]:
        """As `/api/v1` offers it."""
        crm = self.crm if one in self.elsewhere else None
        return {"id": one.id, "title": one.title, "type": one.type.value, "crm": crm}

    def called(self, name: str) -> List:
        """By id or title. Raises InvalidInput for none, and for a title that two have; while those
        elsewhere have not been read, for every title."""
        for one in self.all:
            if one.id == name:
                return one
        if not self.is_read:
            raise InvalidInput(_unread(str(self.crm)))
        found = [one for one in self.all if one.title == name]
        if len(found) > 1:
            where = [f"{one.id} ({self.crm if one in self.elsewhere else 'Relay'})"
                     for one in found]  # fmt: skip
            raise InvalidInput(f"several lists are called {name!r}: say {' or '.join(where)}")
        if not found:
            known = {one.title: one for one in self.all}
            raise InvalidInput(f"there is no list {name!r}{nearest(name, known)}")
        return found[0]


def all_lists(runtime: Runtime, conn: Connection, org: int) -> Lists:
    """Relay's own, and those of the CRM elsewhere as far as they have been read."""
    crm = runtime.setups.of(conn, org).crm
    own = schema(conn, org).lists
    if crm is None:
        return Lists(own=own)
    found = definitions_of(conn, crm.id)
    lists = () if found is None else found.lists
    return Lists(own=own, elsewhere=lists, crm=crm.name, is_read=found is not None)


def _unread(name: str) -> str:
    return f"the lists of {name} have not been read yet: try again in a minute"
