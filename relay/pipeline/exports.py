"""Contacts, accounts and items written out, a page at a time: as long as they may be, nothing is
held whole. What is written can be read by an import."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from relay.core.errors import InvalidInput
from relay.crm.embedded import grid, pages
from relay.crm.embedded import people as users
from relay.crm.embedded.schema import schema
from relay.crm.model import Account, Contact, Field, Fields, FieldType, Stored
from relay.crm.moments import instant
from relay.crm.values import Lookup, bound
from relay.pipeline.plain import time
from relay.storage import rows
from relay.storage.database import Database

PAGE = 1000
_PROPERTIES = ("email", "name", "phone", "title", "company", "address")
_DATES = ("created_at", "modified_at")

Document = dict[str, object]


def contacts(db: Database, org: int, format: str) -> Iterator[str]:
    """Every contact; JSON Lines have all properties whole, CSV those that people know."""
    columns = ("id", *_PROPERTIES, *_DATES)
    return rows.write(_contacts(db, org, is_whole=format == "jsonl"), format, columns)


def accounts(db: Database, org: int, format: str) -> Iterator[str]:
    """Every account with its fields."""
    with db.read() as conn:
        fields = schema(conn, org).account_fields
    columns = ("id", "name", *(one.slug for one in fields.all), *_DATES)
    return rows.write(_accounts(db, org, fields), format, columns)


def items(db: Database, org: int, list_id: str, format: str) -> Iterator[str]:
    """Every item of a list with its fields. Raises NotFound."""
    with db.read() as conn:
        fields = schema(conn, org).list(list_id).fields
    columns = ("id", "name", "account", "contacts", *(f.slug for f in fields.all), "modified_at")
    return rows.write(_items(db, org, list_id), format, columns)


def of_kind(
    db: Database, org: int, kind: str, format: str, list_id: str | None = None
) -> Iterator[str]:
    """Raises InvalidInput for a kind or a format that there is not."""
    if format not in rows.FORMATS:
        raise InvalidInput(f"there is no format {format!r}: {', '.join(rows.FORMATS)}")
    match kind:
        case "contacts":
            return contacts(db, org, format)
        case "accounts":
            return accounts(db, org, format)
        case "items" if list_id is not None:
            return items(db, org, list_id, format)
        case "items":
            raise InvalidInput("items of which list?")
        case other:
            raise InvalidInput(f"there is nothing called {other!r}: contacts, accounts, items")


def _contacts(db: Database, org: int, *, is_whole: bool) -> Iterator[Document]:
    last = ""
    while True:
        with db.read() as conn:
            page = pages.contacts_after(conn, org, last, PAGE)
        for one in page:
            yield _whole(one) if is_whole else _flat(one)
        if len(page) < PAGE:
            return
        last = page[-1].id


def _accounts(db: Database, org: int, fields: Fields) -> Iterator[Document]:
    last = ""
    while True:
        with db.read() as conn:
            page = pages.accounts_after(conn, org, last, PAGE)
            known = users.people(conn, org)
        for one in page:
            values = _values(fields.all, one.values, lambda: known)  # noqa: B023 - used at once
            yield {"id": one.id, "name": one.name, **values, **_dates(one)}
        if len(page) < PAGE:
            return
        last = page[-1].id


def _items(db: Database, org: int, list_id: str) -> Iterator[Document]:
    last = (-1, "")
    while True:
        with db.read() as conn:
            in_list = schema(conn, org).list(list_id)
            page = pages.items_after(conn, org, list_id, last, PAGE)
            whole = grid.rows_of(conn, org, in_list, page)
            known = users.people(conn, org)
        for row in whole:
            values = {**row.item.values, "process_created_date": str(row.item.created_ms)}
            yield {
                "id": row.item.id,
                "name": row.item.name,
                "account": row.account.name if row.account else None,
                "contacts": [one.email or one.id for one in row.contacts],
                **_values(in_list.fields.all, values, lambda: known),  # noqa: B023
                "modified_at": time(instant(row.item.modified_ms)),
            }
        if len(page) < PAGE:
            return
        last = (page[-1].created_ms, page[-1].id)


def _values(
    fields: Sequence[Field], values: Mapping[str, Stored], people: Lookup
) -> dict[str, object]:
    return {one.slug: _value(one, values.get(one.id), people) for one in fields}


def _value(one: Field, value: Stored | None, people: Lookup) -> object:
    read = bound(one, value, people)
    several = read if isinstance(read, list) else [read]
    told = [_plain(one, each) for each in several]
    return told if isinstance(read, list) else told[0]


def _plain(one: Field, value: object) -> object:
    """As an import reads it: a user by address, a number and a date as text."""
    if one.type is FieldType.USER and isinstance(value, Mapping):
        return value["email"] or value["id"]
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else value


def _whole(one: Contact) -> Document:
    return {"id": one.id, "properties": dict(one.properties), **_dates(one)}


def _flat(one: Contact) -> Document:
    several = {
        key: [str(entry["value"]) for entry in one.properties.get(key) or ()]
        for key in ("email", "phone")
    }
    single = {key: one.preferred(key) for key in _PROPERTIES if key not in several}
    return {"id": one.id, **several, **single, **_dates(one)}


def _dates(one: Contact | Account) -> Document:
    return {
        "created_at": time(instant(one.created_ms)),
        "modified_at": time(instant(one.modified_ms)),
    }
