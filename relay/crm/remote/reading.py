"""What the CRM wrote, as the CRM's model has it. A value that its own field's type cannot hold is
left out: it must not stop the reading of the others."""

from collections.abc import Mapping, Sequence

from relay.core.errors import InvalidInput
from relay.crm.model import Account, Contact, Field, Fields, FieldType, Item, List, Stored, User
from relay.crm.remote.client import Wire
from relay.crm.remote.session import contact_ids, read_value
from relay.crm.values import People, Sent, stored

_TYPED = frozenset({FieldType.NUMERIC, FieldType.DATE, FieldType.DATETIME})
_SENT = Sent(people=People)


def values_in(fields: Fields, wire: Wire) -> dict[str, Stored]:
    """The values of an item or an account, by field id."""
    read = {one.id: value_in(one, wire) for one in fields.all}
    return {id: value for id, value in read.items() if value is not None}


def value_in(one: Field, wire: Wire) -> Stored | None:
    """One value of an item or an account."""
    value = read_value(wire, one.id, is_multi=one.is_multi)
    if value is not None and one.type in _TYPED:
        try:
            value = stored(one, value, _SENT)
        except InvalidInput:
            return None
    return None if value == "" else value


def item_of(in_list: List, wire: Wire) -> Item:
    return Item(
        id=str(wire.get("id")),
        list_id=in_list.id,
        name=str(wire.get("name") or ""),
        account_id=_text(wire.get("accountId")),
        contact_ids=tuple(contact_ids(wire)),
        values=values_in(in_list.fields, wire),
        created_ms=number(wire.get("createdDate")),
        modified_ms=number(wire.get("modifiedDate")),
    )


def account_of(fields: Fields, wire: Wire) -> Account:
    return Account(
        id=str(wire.get("id")),
        name=str(wire.get("name") or ""),
        values=values_in(fields, wire),
        created_ms=0,
        modified_ms=number(wire.get("modifiedDate")),
    )


def contact_of(wire: Wire) -> Contact:
    properties = wire.get("properties")
    return Contact(
        id=str(wire.get("id")),
        properties={
            str(key): _entries(entries) for key, entries in properties.items()
        } if isinstance(properties, Mapping) else {},
        created_ms=0,
        modified_ms=number(wire.get("modifiedDate")),
    )  # fmt: skip


def user_of(wire: Wire) -> User:
    return User(
        id=str(wire.get("id")),
        name=str(wire.get("name") or ""),
        email=str(wire.get("email") or ""),
    )


def number(value: object) -> int:
    """A count of milliseconds; 0 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def owners_in(in_list: Fields, wires: Sequence[Wire]) -> set[str]:
    """The users that these items name."""
    fields = [one for one in in_list.all if one.type is FieldType.USER]
    found: set[str] = set()
    for wire in wires:
        for one in fields:
            value = read_value(wire, one.id, is_multi=one.is_multi)
            found |= set(value) if isinstance(value, list) else {value} if value else set()
    return found


def _entries(value: object) -> list[Mapping[str, object]]:
    entries = value if isinstance(value, list) else []
    return [one for one in entries if isinstance(one, Mapping) and one.get("value") is not None]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
