"""The Grid for people: pages of a list with readable values, sorted, filtered, paged by cursor.

A sort or a filter by a field reads the whole list, for values have no index; by creation, change
and account it does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Float,
    Numeric,
    Select,
    and_,
    case,
    cast,
    func,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from relay.core.errors import InvalidInput, NotFound
from relay.crm.embedded import accounts, contacts, items
from relay.crm.embedded.cursor import Place, read_cursor, write_cursor
from relay.crm.embedded.items import COLUMNS, item_of
from relay.crm.embedded.people import people
from relay.crm.embedded.schema import schema
from relay.crm.model import Account, Contact, Field, FieldType, Item, List
from relay.crm.naming import nearest
from relay.crm.records import value_of
from relay.crm.values import People, Sent, display, stored
from relay.storage.tables.crm import accounts as accounts_table
from relay.storage.tables.crm import contact_emails, item_contacts
from relay.storage.tables.crm import items as items_table

MOST = 200

_COLUMN_SORTS: Mapping[str, ColumnElement[Any]] = {
    "created": items_table.c.created_ms,
    "modified": items_table.c.modified_ms,
    "name": func.lower(items_table.c.name),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An item with what belongs to it; `cells` are its values by slug, as people read them."""

    item: Item
    list: List
    account: Account | None
    contacts: Sequence[Contact]
    cells: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What of a list is looked at. `sort` is created, modified, name or a field's slug, with `-`
    before it the other way round. `where` maps slugs to values; None or "" is "empty"."""

    sort: str = "created"
    where: Mapping[str, object] = field(default_factory=dict)
    name: str | None = None
    contact_id: str | None = None
    account_id: str | None = None
    cursor: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class GridPage:
    """One page and the cursor of the next."""

    rows: Sequence[Row]
    next: str | None


def lists(conn: Connection, org: int) -> Sequence[List]:
    """The organization's lists with their fields, in order of creation."""
    return schema(conn, org).lists


def page(conn: Connection, org: int, list_id: str, view: View) -> GridPage:
    """Raises NotFound for an unknown list, InvalidInput for a field, value or cursor that is not
    there."""
    in_list = schema(conn, org).list(list_id)
    slug, down = view.sort.removeprefix("-"), view.sort.startswith("-")
    key = _sort_key(conn, in_list, slug)
    limit = max(1, min(view.limit, MOST))
    chosen = _chosen(conn, org, in_list, view).add_columns(key.label("sort_key"))
    if view.cursor is not None:
        place = read_cursor(view.cursor, view.sort)
        chosen = chosen.where(_after(key, place, down=down))
    order = (key.is_(None), key.desc() if down else key, items_table.c.id)
    found = conn.execute(chosen.order_by(*order).limit(limit + 1)).all()
    rows = rows_of(conn, org, in_list, [item_of(row) for row in found[:limit]])
    last = found[limit - 1] if len(found) > limit else None
    following = write_cursor(Place(value=last.sort_key, id=last.id), view.sort) if last else None
    return GridPage(rows=rows, next=following)


def one(conn: Connection, org: int, item_id: str) -> Row:
    """One item with what belongs to it. Raises NotFound."""
    found = items.read(conn, org, [item_id]).get(item_id)
    if found is None:
        raise NotFound(f"there is no list item {item_id!r}")
    in_list = schema(conn, org).list(found.list_id)
    return rows_of(conn, org, in_list, [found])[0]


def people_with(conn: Connection, org: int, beginning: str, limit: int = 20) -> list[Contact]:
    """Contacts with an address that begins so, by address."""
    e = contact_emails.c
    found = conn.execute(
        select(e.contact_id)
        .where(e.org_id == org, _begins(e.email_lower, beginning))
        .order_by(e.email_lower)
        .limit(limit)
    ).scalars()
    ids = list(dict.fromkeys(found))
    known = contacts.read(conn, org, ids)
    return [known[id] for id in ids if id in known]


def accounts_with(conn: Connection, org: int, beginning: str, limit: int = 20) -> list[Account]:
    """Accounts whose name begins so, by name."""
    a = accounts_table.c
    found = conn.execute(
        select(*accounts.COLUMNS)
        .where(a.org_id == org, _begins(a.name_key, beginning))
        .order_by(a.name_key)
        .limit(limit)
    )
    return [accounts.account_of(row) for row in found]


def _begins(column: ColumnElement[Any], beginning: str) -> ColumnElement[bool]:
    start = beginning.strip().lower()
    return and_(column >= start, column < start + chr(0x10FFFF))


def _chosen(conn: Connection, org: int, in_list: List, view: View) -> Select[Any]:
    chosen: Select[Any] = select(*COLUMNS).where(
        items_table.c.org_id == org, items_table.c.list_id == in_list.id
    )
    for slug, value in view.where.items():
        chosen = chosen.where(_equals(conn, org, _field(in_list, slug), value))
    if view.name:
        chosen = chosen.where(
            func.lower(items_table.c.name).contains(view.name.lower(), autoescape=True)
        )
    if view.account_id is not None:
        chosen = chosen.where(items_table.c.account_id == view.account_id)
    if view.contact_id is not None:
        mine = select(item_contacts.c.item_id).where(
            item_contacts.c.org_id == org,
            item_contacts.c.contact_id == view.contact_id,
            item_contacts.c.list_id == in_list.id,
        )
        chosen = chosen.where(items_table.c.id.in_(mine))
    return chosen


def _field(in_list: List, slug: str) -> Field:
    found = in_list.fields.by_name.get(slug)
    if found is None:
        known = {one.slug: one for one in in_list.fields.all}
        raise InvalidInput(f"{in_list.title} has no field {slug!r}{nearest(slug, known)}")
    return found


def _equals(conn: Connection, org: int, one: Field, value: object) -> ColumnElement[bool]:
    by = Sent(people=lambda: people(conn, org), mapped=True)
    wanted = stored(one, value, by)
    kept = _value(conn, one)
    if wanted is None:
        return kept.is_(None)
    if isinstance(wanted, list):
        # Both databases give an array as JSON text; ids are in double quotes there.
        return and_(*(kept.contains(f'"{id}"', autoescape=True) for id in wanted))
    if one.type is FieldType.NUMERIC:
        return _number(conn, kept) == float(wanted)
    return kept == wanted


def _value(conn: Connection, one: Field) -> ColumnElement[Any]:
    if conn.dialect.name == "sqlite":
        path = f'$."{one.id}"'
        return func.json_extract(items_table.c.field_values, path)
    whole = cast(items_table.c.field_values, JSONB)
    return func.jsonb_extract_path_text(whole, one.id)


def _number(conn: Connection, kept: ColumnElement[Any]) -> ColumnElement[Any]:
    return cast(kept, Float if conn.dialect.name == "sqlite" else Numeric)


def _sort_key(conn: Connection, in_list: List, slug: str) -> ColumnElement[Any]:
    if slug in _COLUMN_SORTS:
        return _COLUMN_SORTS[slug]
    one = _field(in_list, slug)
    if one.id == "process_created_date":
        return _COLUMN_SORTS["created"]
    kept = _value(conn, one)
    match one.type:
        case FieldType.NUMERIC | FieldType.DATETIME:
            return _number(conn, kept)
        case FieldType.LIST if not one.is_multi:
            places = {option.id: place for place, option in enumerate(one.options)}
            return case(places, value=kept, else_=None) if places else kept
        case _:
            return func.lower(kept)


def _after(key: ColumnElement[Any], place: Place, *, down: bool) -> ColumnElement[bool]:
    """What comes behind the last row seen; rows without a value come last, both ways."""
    later_id = items_table.c.id > place.id
    if place.value is None:
        return and_(key.is_(None), later_id)
    further = key < place.value if down else key > place.value
    return or_(key.is_(None), further, and_(key == place.value, later_id))


def rows_of(conn: Connection, org: int, in_list: List, found: Sequence[Item]) -> list[Row]:
    """The items with what belongs to them."""
    firms = accounts.read(conn, org, {item.account_id for item in found if item.account_id})
    persons = contacts.read(conn, org, {id for item in found for id in item.contact_ids})
    known = people(conn, org)
    return [
        Row(
            item=item,
            list=in_list,
            account=firms.get(item.account_id or ""),
            contacts=[persons[id] for id in item.contact_ids if id in persons],
            cells=_cells(in_list, item, known),
        )
        for item in found
    ]


def _cells(in_list: List, item: Item, known: People) -> dict[str, object]:
    return {
        one.slug: display(one, value_of(one.id, item), lambda: known) for one in in_list.fields.all
    }
