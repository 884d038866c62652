"""Accounts: found by id or name, made and changed many at a time."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Select, bindparam, case, delete, select, update

from relay.crm.model import Account
from relay.storage.batches import insert_rows, update_rows
from relay.storage.crm_rows import in_order, of_org
from relay.storage.sets import among
from relay.storage.tables.crm import accounts, items

COLUMNS = (
    accounts.c.id,
    accounts.c.name,
    accounts.c.field_values,
    accounts.c.created_ms,
    accounts.c.modified_ms,
)
_BY_ID: Select[Any] = select(*COLUMNS).where(of_org(accounts), among(accounts.c.id, "ids"))
_LOCKED = _BY_ID.order_by(in_order(accounts.c.id)).with_for_update()
_BY_NAME = (
    select(*COLUMNS)
    .where(accounts.c.org_id == bindparam("org"), among(accounts.c.name_key, "ids"))
    .order_by(in_order(accounts.c.id))
    .with_for_update()
)
_REMOVE = delete(accounts).where(
    accounts.c.org_id == bindparam("org"), accounts.c.id == bindparam("id")
)
_now = bindparam("now", type_=BigInteger)
# It always advances, as with every other change of an item.
_moved = case((items.c.modified_ms < _now, _now), else_=items.c.modified_ms + 1)
_LET_GO = (
    update(items)
    .where(items.c.org_id == bindparam("org"), items.c.account_id == bindparam("account"))
    .values(account_id=None, modified_ms=_moved)
)


def account_of(row: Row[Any] | Sequence[Any]) -> Account:
    """The account of a row that begins with `COLUMNS`."""
    id, name, values, created, modified = row[:5]
    return Account(id=id, name=name, values=values, created_ms=created, modified_ms=modified)


def key_of(name: str) -> str:
    """By which names are compared: trimmed, in lower case."""
    return name.strip().lower()


def read(conn: Connection, org: int, ids: Collection[str]) -> dict[str, Account]:
    """The accounts by id; unknown ones are missing."""
    return _by_id(conn, _BY_ID, org, ids)


def lock(conn: Connection, org: int, ids: Collection[str]) -> dict[str, Account]:
    """The same, held until the transaction ends."""
    return _by_id(conn, _LOCKED, org, ids)


def _by_id(
    conn: Connection, statement: Select[Any], org: int, ids: Collection[str]
) -> dict[str, Account]:
    if not ids:
        return {}
    found = map(account_of, conn.execute(statement, {"org": org, "ids": list(ids)}))
    return {one.id: one for one in found}


def lock_named(conn: Connection, org: int, names: Collection[str]) -> dict[str, Account]:
    """The accounts by `key_of` their names, held until the transaction ends."""
    if not names:
        return {}
    given = {"org": org, "ids": list({key_of(name) for name in names})}
    return {key_of(one.name): one for one in map(account_of, conn.execute(_BY_NAME, given))}


def add(conn: Connection, org: int, new: Sequence[Account]) -> None:
    """Stores new accounts."""
    insert_rows(conn, accounts, [{**_row(one), "org_id": org} for one in new])


def save(conn: Connection, changed: Sequence[Account]) -> None:
    """Stores changed accounts, each once."""
    update_rows(conn, accounts, [_row(one) for one in changed])


def remove(conn: Connection, org: int, id: str, now_ms: int) -> bool:
    """Removes the account; its items stay, without one. False: there was none."""
    conn.execute(_LET_GO, {"org": org, "account": id, "now": now_ms})
    return conn.execute(_REMOVE, {"org": org, "id": id}).rowcount > 0


def _row(one: Account) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "name_key": key_of(one.name),
        "field_values": dict(one.values),
        "created_ms": one.created_ms,
        "modified_ms": one.modified_ms,
    }
