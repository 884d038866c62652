"""Lists, fields and options, made, renamed and deleted by people of the organization."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, Update, delete, func, insert, select, update

from relay.core.errors import Conflict, InvalidInput, NotFound
from relay.core.facts import clean
from relay.core.ids import record_id
from relay.crm.embedded.schema import ACCOUNT_FIELDS, schema
from relay.crm.model import (
    ACCOUNT_NAMES,
    CLOSE_FIELD,
    CLOSED,
    CREATED_FIELD,
    ITEM_NAMES,
    OWNER,
    Field,
    FieldType,
    List,
    ListType,
    slug_of,
)
from relay.crm.moments import instant
from relay.storage.identity import touch_config
from relay.storage.tables.crm import crm_schemas, fields, item_contacts, items, lists, options

_READ_ONLY = frozenset(
    {FieldType.PHONE, FieldType.EMAIL, FieldType.LINKEDIN, FieldType.FILE, FieldType.ITEM_LINK}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewField:
    """A field to be made. Without an `id` it takes the list's next number."""

    name: str
    type: FieldType
    options: Sequence[str] = ()
    is_multi: bool = False
    id: str | None = None


# What a new sales list had at SalesforceIQ (recorded; https://api.salesforceiq.com/, "Lists").
SALES = (
    NewField(
        name="Status",
        type=FieldType.LIST,
        options=("Lead", "Qualified", "Negotiation", "Verbal Commitment", "Deal Won",
                 "Revisit Later", "Deal Lost"),
    ),
    NewField(name="Owner", type=FieldType.USER),
    NewField(name="Revenue", type=FieldType.NUMERIC, id="3"),
    NewField(name="Close Date", type=FieldType.DATETIME, id=CLOSE_FIELD),
)  # fmt: skip
# Every organization's accounts have these (https://api.salesforceiq.com/, "Accounts").
ACCOUNT_BASICS = (
    NewField(name="Address", type=FieldType.LOCATION, id="address"),
    NewField(name="Primary Contact", type=FieldType.CONTACT, id="primary_contact"),
    NewField(name="Address City", type=FieldType.LOCATION, id="address_city"),
    NewField(name="State/Province", type=FieldType.LOCATION, id="address_state"),
    NewField(name="Zip/Postal Code", type=FieldType.LOCATION, id="address_postal_code"),
    NewField(name="Country", type=FieldType.LOCATION, id="address_country"),
)


def create_list(
    conn: Connection,
    org: int,
    *,
    title: str,
    type: ListType,
    now_ms: int,
    new_fields: Sequence[NewField] = (),
) -> List:
    """A new list with a Created Date and the fields given. Raises InvalidInput and Conflict."""
    named = _free_title(conn, org, title)
    id = record_id(instant(now_ms))
    conn.execute(
        insert(lists), {"id": id, "org_id": org, "title": named, "type": type, "created_ms": now_ms}
    )
    _stamp(conn, org)
    created = NewField(name="Created Date", type=FieldType.DATETIME, id=CREATED_FIELD)
    for one in (created, *new_fields):
        create_field(conn, org, list_id=id, new=one)
    return schema(conn, org).list(id)


def rename_list(conn: Connection, org: int, list_id: str, title: str) -> None:
    """Raises NotFound, InvalidInput and Conflict."""
    if schema(conn, org).list(list_id).title == clean(title):
        return
    named = _free_title(conn, org, title)
    mine = update(lists).where(lists.c.org_id == org, lists.c.id == list_id)
    conn.execute(mine.values(title=named))
    _stamp(conn, org)


def delete_list(conn: Connection, org: int, list_id: str) -> None:
    """The list with its items; accounts and contacts stay. Raises NotFound."""
    schema(conn, org).list(list_id)
    for table in (item_contacts, items, options, fields):
        conn.execute(delete(table).where(table.c.org_id == org, table.c.list_id == list_id))
    conn.execute(delete(lists).where(lists.c.org_id == org, lists.c.id == list_id))
    _stamp(conn, org)


def create_field(
    conn: Connection, org: int, *, new: NewField, list_id: str = ACCOUNT_FIELDS
) -> Field:
    """A new field of a list, or of accounts. Raises InvalidInput and Conflict."""
    slug = _free_slug(conn, org, list_id, new.name, new.type)
    if new.options and new.type is not FieldType.LIST:
        raise InvalidInput(f"{new.name} is a {new.type} field: only a List field has options")
    id = new.id or _next_number(conn, fields, org, list_id)
    position = _count(conn, fields, org, list_id)
    row = {
        "org_id": org,
        "list_id": list_id,
        "id": id,
        "position": position,
        "name": clean(new.name),
        "slug": slug,
        "type": new.type,
        "is_multi": new.is_multi,
        "is_editable": new.type not in _READ_ONLY and id != CREATED_FIELD,
        "deleted": False,
    }
    conn.execute(insert(fields), row)
    _stamp(conn, org)
    for label in new.options:
        create_option(conn, org, list_id=list_id, field_id=id, display=label)
    return _fields(conn, org, list_id)[id]


def rename_field(conn: Connection, org: int, *, list_id: str, field_id: str, name: str) -> None:
    """A new label, and with it a new name in rules. Raises NotFound, InvalidInput and Conflict."""
    known = _field(conn, org, list_id, field_id)
    slug = _free_slug(conn, org, list_id, name, known.type, but=field_id)
    conn.execute(_this_field(org, list_id, field_id).values(name=clean(name), slug=slug))
    _stamp(conn, org)


def delete_field(conn: Connection, org: int, *, list_id: str, field_id: str) -> None:
    """Takes the field off its list; its number is never used again. Raises NotFound, and
    InvalidInput for the date that every item has."""
    if _field(conn, org, list_id, field_id).id == CREATED_FIELD:
        raise InvalidInput("every list has the Created Date of its items")
    conn.execute(_this_field(org, list_id, field_id).values(deleted=True))
    _stamp(conn, org)


def create_option(
    conn: Connection,
    org: int,
    *,
    list_id: str,
    field_id: str,
    display: str,
    is_closed: bool | None = None,
) -> str:
    """A new choice of a List field; gives its id. Raises NotFound, InvalidInput and Conflict."""
    label = _free_label(conn, org, list_id, field_id, display)
    id = _next_number(conn, options, org, list_id, field_id)
    row = {
        "org_id": org,
        "list_id": list_id,
        "field_id": field_id,
        "id": id,
        "position": int(id),
        "display": label,
        "is_closed": label.lower() in CLOSED if is_closed is None else is_closed,
        "deleted": False,
    }
    conn.execute(insert(options), row)
    _stamp(conn, org)
    return id


def rename_option(
    conn: Connection, org: int, *, list_id: str, field_id: str, option_id: str, display: str
) -> None:
    """A new label; items keep their choice. Raises NotFound, InvalidInput and Conflict."""
    _option(conn, org, list_id, field_id, option_id)
    label = _free_label(conn, org, list_id, field_id, display, but=option_id)
    conn.execute(_this_option(org, list_id, field_id, option_id).values(display=label))
    _stamp(conn, org)


def delete_option(
    conn: Connection, org: int, *, list_id: str, field_id: str, option_id: str
) -> None:
    """Nobody can choose it any more; items that have it show its id. Raises NotFound."""
    _option(conn, org, list_id, field_id, option_id)
    conn.execute(_this_option(org, list_id, field_id, option_id).values(deleted=True))
    _stamp(conn, org)


def _stamp(conn: Connection, org: int) -> None:
    """Says to every process that what it has read of the definitions is old."""
    stamp = {"stamp": secrets.randbits(53)}
    mine = update(crm_schemas).where(crm_schemas.c.org_id == org)
    if conn.execute(mine.values(**stamp)).rowcount == 0:
        conn.execute(insert(crm_schemas), {"org_id": org, **stamp})
    touch_config(conn, org)


def _free_title(conn: Connection, org: int, title: str) -> str:
    named = clean(title)
    if not named:
        raise InvalidInput("a list needs a title")
    taken = {one.title.lower(): one.title for one in schema(conn, org).lists}
    if named.lower() in taken:
        raise Conflict(f"there is a list {taken[named.lower()]!r} already")
    return named


def _free_slug(
    conn: Connection, org: int, list_id: str, name: str, type_: FieldType, *, but: str | None = None
) -> str:
    """Raises InvalidInput and Conflict, naming both where two labels have one name in rules."""
    label = clean(name)
    slug = slug_of(label)
    if not slug:
        raise InvalidInput(f"{label!r} leaves no name for rules: use letters a to z")
    reserved = ACCOUNT_NAMES if list_id == ACCOUNT_FIELDS else ITEM_NAMES
    if slug in reserved and not (slug == OWNER and type_ is FieldType.USER):
        raise Conflict(f"the label {label!r} would be {slug!r} in rules, which is taken")
    for one in _fields(conn, org, list_id).values():
        if one.slug == slug and one.id != but:
            raise Conflict(f"the labels {one.name!r} and {label!r} would both be {slug!r} in rules")
    return slug


def _free_label(
    conn: Connection,
    org: int,
    list_id: str,
    field_id: str,
    display: str,
    *,
    but: str | None = None,
) -> str:
    label = clean(display)
    one = _field(conn, org, list_id, field_id)
    if one.type is not FieldType.LIST:
        raise InvalidInput(f"{one.name} is a {one.type} field: only a List field has options")
    if not label:
        raise InvalidInput("an option needs a text")
    known = one.by_label.get(label.lower())
    if known is not None and known.id != but:
        raise Conflict(f"{one.name} has an option {known.display!r} already")
    return label


def _fields(conn: Connection, org: int, list_id: str) -> dict[str, Field]:
    known = schema(conn, org)
    if list_id == ACCOUNT_FIELDS:
        return dict(known.account_fields.by_id)
    return dict(known.list(list_id).fields.by_id)


def _field(conn: Connection, org: int, list_id: str, field_id: str) -> Field:
    found = _fields(conn, org, list_id).get(field_id)
    if found is None:
        raise NotFound(f"there is no field {field_id!r}")
    return found


def _option(conn: Connection, org: int, list_id: str, field_id: str, option_id: str) -> None:
    if option_id not in _field(conn, org, list_id, field_id).by_id:
        raise NotFound(f"there is no option {option_id!r}")


def _this_field(org: int, list_id: str, field_id: str) -> Update:
    f = fields.c
    return update(fields).where(f.org_id == org, f.list_id == list_id, f.id == field_id)


def _this_option(org: int, list_id: str, field_id: str, option_id: str) -> Update:
    o = options.c
    return update(options).where(
        o.org_id == org, o.list_id == list_id, o.field_id == field_id, o.id == option_id
    )


def _next_number(
    conn: Connection, table: Table, org: int, list_id: str, field_id: str | None = None
) -> str:
    """One more than the highest number ever used here."""
    mine = [table.c.org_id == org, table.c.list_id == list_id]
    if field_id is not None:
        mine.append(table.c.field_id == field_id)
    ids = conn.execute(select(table.c.id).where(*mine)).scalars()
    return str(max((int(id) for id in ids if id.isdigit()), default=-1) + 1)


def _count(conn: Connection, table: Table, org: int, list_id: str) -> int:
    mine = (table.c.org_id == org, table.c.list_id == list_id)
    return conn.execute(select(func.count()).select_from(table).where(*mine)).scalar_one()
