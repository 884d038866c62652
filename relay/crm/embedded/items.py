"""List items: found, locked, made and changed many at a time."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select, tuple_

from relay.crm.model import Item, Stored
from relay.storage.batches import insert_rows, update_rows
from relay.storage.crm_rows import in_order, of_org
from relay.storage.sets import among
from relay.storage.tables.crm import item_contacts, items

Place = tuple[int, str]
START: Place = (-1, "")

COLUMNS = (
    items.c.id,
    items.c.list_id,
    items.c.name,
    items.c.account_id,
    items.c.contact_ids,
    items.c.field_values,
    items.c.created_ms,
    items.c.modified_ms,
    items.c.linked,
)
# Of several the oldest is the one that is meant (recorded for upserts with four matches).
_OLDEST = (items.c.created_ms, items.c.id)
# The same for few that were looked up, without the index that has the whole list in this order.
_OLDEST_OF_FEW = (items.c.created_ms + 0, items.c.id)
_READ: Select[Any] = select(*COLUMNS).where(of_org(items))
_BY_ID = _READ.where(among(items.c.id, "ids")).order_by(in_order(items.c.id))
_BY_MAKER = select(*COLUMNS, items.c.made_by).where(
    items.c.org_id == bindparam("org"), among(items.c.made_by, "keys")
)
_BY_ACCOUNT = (
    select(*COLUMNS)
    .where(
        items.c.org_id == bindparam("org"),
        among(items.c.account_id, "ids"),
        items.c.list_id == bindparam("list"),
    )
    .order_by(*_OLDEST_OF_FEW)
)
_BY_CONTACT = (
    select(item_contacts.c.contact_id, *COLUMNS)
    .join_from(item_contacts, items, items.c.id == item_contacts.c.item_id)
    .where(
        item_contacts.c.org_id == bindparam("org"),
        among(item_contacts.c.contact_id, "ids"),
        item_contacts.c.list_id == bindparam("list"),
    )
    .order_by(*_OLDEST_OF_FEW)
)
# As `_LOCKED`: held in order of id.
_OF_CONTACT_LOCKED = (
    _BY_CONTACT.order_by(None).order_by(in_order(items.c.id)).with_for_update(of=items)
)
_OF_ACCOUNT_LOCKED = (
    _BY_ACCOUNT.order_by(None).order_by(in_order(items.c.id)).with_for_update(of=items)
)
_OF_LIST = (
    select(*COLUMNS)
    .where(items.c.org_id == bindparam("org"), items.c.list_id == bindparam("list"))
    .order_by(*_OLDEST)
)
_LOCKED = _BY_ID.with_for_update()
_ON_ITEMS = select(item_contacts.c.contact_id).where(
    item_contacts.c.org_id == bindparam("org"), among(item_contacts.c.contact_id, "ids")
)


def item_of(row: Row[Any] | Sequence[Any]) -> Item:
    """The item of a row that begins with `COLUMNS`."""
    id, list_id, name, account_id, contacts, values, created, modified, linked = row[:9]
    return Item(
        id=id,
        list_id=list_id,
        name=name,
        account_id=account_id,
        contact_ids=tuple(contacts),
        values=values,
        created_ms=created,
        modified_ms=modified,
        linked=linked,
    )


def read(conn: Connection, org: int, ids: Collection[str]) -> dict[str, Item]:
    """The items by id; unknown ones are missing."""
    return _by_id(conn, _BY_ID, org, ids)


def after(conn: Connection, org: int, list_id: str, place: Place, limit: int) -> list[Item]:
    """The items of the list behind that place (creation time and id), in that order: a walk that
    new items and changes do not disturb."""
    behind = tuple_(items.c.created_ms, items.c.id) > tuple_(*place)
    found = conn.execute(_OF_LIST.where(behind).limit(limit), {"org": org, "list": list_id})
    return [item_of(row) for row in found]


def lock(conn: Connection, org: int, ids: Collection[str]) -> dict[str, Item]:
    """The items by id, held until the transaction ends; locked in order of id, so that two
    transactions with the same items wait for each other instead of dying."""
    return _by_id(conn, _LOCKED, org, ids)


def _by_id(
    conn: Connection, statement: Select[Any], org: int, ids: Collection[str]
) -> dict[str, Item]:
    if not ids:
        return {}
    rows = conn.execute(statement, {"org": org, "ids": list(ids)})
    return {row[0]: item_of(row) for row in rows}


def of_contacts(
    conn: Connection, org: int, list_id: str, contacts: Collection[str], *, lock: bool = False
) -> dict[str, list[Item]]:
    """Items of the list by point of contact, oldest first; with `lock` held until the transaction
    ends."""
    found: dict[str, list[Item]] = defaultdict(list)
    if contacts:
        given = {"org": org, "list": list_id, "ids": list(contacts)}
        for row in conn.execute(_OF_CONTACT_LOCKED if lock else _BY_CONTACT, given):
            found[row[0]].append(item_of(row[1:]))
    return _oldest_first(found) if lock else found


def of_accounts(
    conn: Connection, org: int, list_id: str, accounts: Collection[str], *, lock: bool = False
) -> dict[str, list[Item]]:
    """Items of the list by account, oldest first; with `lock` held until the transaction ends."""
    found: dict[str, list[Item]] = defaultdict(list)
    if accounts:
        given = {"org": org, "list": list_id, "ids": list(accounts)}
        for row in conn.execute(_OF_ACCOUNT_LOCKED if lock else _BY_ACCOUNT, given):
            item = item_of(row)
            found[str(item.account_id)].append(item)
    return _oldest_first(found) if lock else found


def _oldest_first(found: dict[str, list[Item]]) -> dict[str, list[Item]]:
    for several in found.values():
        several.sort(key=lambda item: (item.created_ms, item.id))
    return found


def of_values(
    conn: Connection, org: int, list_id: str, field_id: str, values: Collection[str]
) -> dict[str, list[Item]]:
    """Items of the list by one field's value, oldest first. Reads the whole list: values have no
    index, and a rule that matches on one says so on purpose."""
    found: dict[str, list[Item]] = defaultdict(list)
    if values:
        for row in conn.execute(_OF_LIST, {"org": org, "list": list_id}):
            item = item_of(row)
            value = item.values.get(field_id)
            if isinstance(value, str) and value in values:
                found[value].append(item)
    return found


def made_by(conn: Connection, org: int, keys: Collection[str]) -> dict[str, Item]:
    """The items that these steps have made before, by the step's key."""
    if not keys:
        return {}
    rows = conn.execute(_BY_MAKER, {"org": org, "keys": list(keys)})
    return {row[9]: item_of(row) for row in rows}


def on_items(conn: Connection, org: int, contacts: Collection[str]) -> set[str]:
    """Which of the contacts are points of contact of some item."""
    return set(conn.execute(_ON_ITEMS, {"org": org, "ids": list(contacts)}).scalars())


def add(conn: Connection, org: int, new: Sequence[Item], makers: Mapping[str, str]) -> None:
    """Stores new items; `makers` has the keys of the steps that make some of them."""
    rows = [
        {
            **_row(item),
            "org_id": org,
            "list_id": item.list_id,
            "made_by": makers.get(item.id),
        }
        for item in new
    ]
    insert_rows(conn, items, rows)
    _index(conn, org, new)


def save(conn: Connection, org: int, changed: Sequence[Item], moved: Collection[str]) -> None:
    """Stores changed items, each once; `moved` are the ids of those whose contacts changed."""
    update_rows(conn, items, [_row(item) for item in changed])
    if moved:
        conn.execute(_UNINDEX, {"org": org, "ids": list(moved)})
        _index(conn, org, [item for item in changed if item.id in moved])


def remove(conn: Connection, org: int, id: str) -> bool:
    """Removes the row; account and contacts stay. False: there was none."""
    conn.execute(_UNINDEX, {"org": org, "ids": [id]})
    return conn.execute(_REMOVE, {"org": org, "ids": [id]}).rowcount > 0


_UNINDEX = delete(item_contacts).where(of_org(item_contacts), among(item_contacts.c.item_id, "ids"))
_REMOVE = delete(items).where(of_org(items), among(items.c.id, "ids"))


def _row(item: Item) -> dict[str, object]:
    return {
        "id": item.id,
        "name": item.name,
        "account_id": item.account_id,
        "contact_ids": list(item.contact_ids),
        "field_values": dict(item.values),
        "linked": dict(item.linked),
        "created_ms": item.created_ms,
        "modified_ms": item.modified_ms,
    }


def _index(conn: Connection, org: int, all_: Iterable[Item]) -> None:
    insert_rows(
        conn,
        item_contacts,
        [
            {"org_id": org, "contact_id": id, "list_id": item.list_id, "item_id": item.id}
            for item in all_
            for id in dict.fromkeys(item.contact_ids)
        ],
    )


def merged(values: Mapping[str, Stored], new: Mapping[str, Stored | None]) -> dict[str, Stored]:
    """The values with new ones laid over them; None takes one away."""
    whole = {**values, **{id: value for id, value in new.items() if value is not None}}
    return {id: value for id, value in whole.items() if new.get(id, value) is not None}
