"""Lists and their items, by the names people know: fields by name, values as they read them."""

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from relay.core.errors import Filtered, InvalidInput, NotFound
from relay.crm.changes import Told
from relay.crm.embedded import grid
from relay.crm.embedded.schema import schema
from relay.crm.model import List
from relay.crm.moments import instant
from relay.pipeline import documents
from relay.pipeline.plain import plain, time
from relay.web.api.contacts import Firm, Person, firm, person
from relay.web.api.resource import Resource
from relay.web.api.site import (
    Document,
    PageQuery,
    caller,
    page_of,
    read,
    whole,
)
from relay.web.api.verbs import Verbs, change
from relay.web.v2.site import list_of, may_see

_TIME = {"format": "date-time"}


class Option(Schema):
    """One choice of a List field."""

    id = fields.String()
    label = fields.String()
    is_closed = fields.Boolean()


class FieldDocument(Schema):
    """A column. `name` is what it is called in rules and in `fields` here."""

    id = fields.String()
    name = fields.String(metadata={"example": "close_date"})
    label = fields.String(metadata={"example": "Close Date"})
    type = fields.String(metadata={"example": "Date"})
    is_multi = fields.Boolean()
    is_editable = fields.Boolean()
    options = fields.List(fields.Nested(Option))


class ListDocument(Schema):
    """A list with its fields."""

    id = fields.String(required=True)
    title = fields.String()
    type = fields.String(validate=validate.OneOf(("account", "contact")))
    fields_ = fields.List(fields.Nested(FieldDocument), data_key="fields", attribute="fields")


class Item(Schema):
    """An item of a list; `fields` by the fields' names, as people read them."""

    id = fields.String(required=True)
    list_id = fields.String()
    name = fields.String()
    account = fields.Nested(Firm, allow_none=True)
    contacts = fields.List(fields.Nested(Person))
    values = fields.Dict(data_key="fields", attribute="fields")
    created_at = fields.String(metadata=_TIME)
    modified_at = fields.String(metadata=_TIME)


class MadeItem(Item):
    """An item, and whether it and its contact are new."""

    created = fields.Boolean()
    contact_created = fields.Boolean()


class ByEmail(Schema):
    """The item of the person behind an address. `create`: make person and item where they are not
    there; false: 404 then."""

    email = fields.Email(required=True)
    values = fields.Dict(keys=fields.String(), data_key="fields", load_default=dict)
    create = fields.Boolean(load_default=True)


class NewItem(Schema):
    """An item to be made; contact lists need `contact`, an id or an address."""

    name = fields.String()
    account = fields.String()
    contact = fields.String()
    values = fields.Dict(keys=fields.String(), data_key="fields", load_default=dict)


class ItemChange(Schema):
    """What is not given stays; null clears a field. `contacts` replaces the points of contact."""

    name = fields.String()
    contacts = fields.List(fields.String())
    values = fields.Dict(keys=fields.String(), data_key="fields")


class ItemQuery(PageQuery):
    """Which items, in which order."""

    sort = fields.String(
        load_default="created",
        metadata={
            "description": "created, modified, name or a field; `-` before it: the other way"
        },
    )
    name = fields.String(metadata={"description": "a part of the name"})
    where = fields.List(
        fields.String(),
        load_default=list,
        metadata={"description": "field:value, several times; an empty value: without one"},
    )
    contact_id = fields.String()
    account_id = fields.String()


routes = Resource("lists", "Lists and their items.")


@routes.get("/lists", scope="crm:read", answer=page_of(ListDocument))
def list_lists() -> Document:
    """The lists that the key may see."""
    known = read(lambda conn: schema(conn, caller().org)).lists
    return whole(documents.crm_list(one) for one in known if may_see(caller(), one))


@routes.get("/lists/<id>", scope="crm:read", answer=ListDocument)
def one_list(id: str) -> Document:
    """A list with its fields."""
    return documents.crm_list(read(lambda conn: _found(conn, id)))


@routes.get("/lists/<id>/items", scope="crm:read", query=ItemQuery, answer=page_of(Item))
def list_items(query: Document, id: str) -> Document:
    """The items of a list."""
    named = ("sort", "name", "contact_id", "account_id", "cursor", "limit")
    given = {name: query[name] for name in named if query.get(name) is not None}
    view = grid.View(**given, where=_where(query["where"]))

    def work(conn: Connection) -> Document:
        _found(conn, id)
        page = grid.page(conn, caller().org, id, view)
        return {"data": [_item(row) for row in page.rows], "next": page.next}

    return read(work)


@routes.get("/lists/<id>/items/<item>", scope="crm:read", answer=Item)
def one_item(id: str, item: str) -> Document:
    """One item."""
    return read(lambda conn: _shown(conn, id, item))


@routes.post("/lists/<id>/items", scope="crm:write", body=NewItem, status=201, answer=MadeItem)
def create_item(new: Document, id: str) -> Document:
    """A new item."""

    def work(conn: Connection, changes: list[Told]) -> Document:
        in_list = _found(conn, id)
        made = Verbs(conn, changes).do(
            "create_item",
            list=in_list.id,
            name=new.get("name"),
            account=new.get("account"),
            contact=new.get("contact"),
            fields=new["values"],
        )
        return {**_shown(conn, id, str(made["id"])), "created": True, "contact_created": False}

    return change(work)


@routes.patch("/lists/<id>/items/<item>", scope="crm:write", body=ItemChange, answer=Item)
def change_item(new: Document, id: str, item: str) -> Document:
    """Sets fields, name or points of contact of an item."""

    def work(conn: Connection, changes: list[Told]) -> Document:
        _shown(conn, id, item)
        Verbs(conn, changes).do(
            "update_item",
            item=item,
            name=new.get("name"),
            contacts=new.get("contacts"),
            fields=new.get("values"),
        )
        return _shown(conn, id, item)

    return change(work)


@routes.post("/lists/<id>/items/by-email", scope="crm:write", body=ByEmail, answer=MadeItem)
def item_by_email(new: Document, id: str) -> Document:
    """Finds the person by address and updates their item on the list; makes both where they are not
    there, unless `create` is false. Of several items the oldest is updated; without `create`
    several are refused, by name."""

    def work(conn: Connection, changes: list[Told]) -> Document:
        in_list, verbs = _found(conn, id), Verbs(conn, changes)
        try:
            found = verbs.do("upsert_contact", email=new["email"], create=new["create"])
            made = _of_person(verbs, in_list, str(found["id"]), new)
        except Filtered as nobody:
            raise NotFound(f"nobody on {in_list.title} has the address {new['email']}") from nobody
        shown = _shown(conn, id, str(made["id"]))
        return {
            **shown,
            "created": bool(made.get("created")),
            "contact_created": bool(found["created"]),
        }

    return change(work)


def _of_person(verbs: Verbs, in_list: List, contact: str, new: Document) -> Document:
    whose = {"list": in_list.id, "contact": contact}
    if new["create"]:
        return verbs.do("create_item", **whose, match="contact", fields=new["values"])
    found = verbs.do("find_item", **whose, open_only=False)
    return verbs.do("update_item", item=str(found["id"]), fields=new["values"])


def _where(given: list[str]) -> Document:
    """Raises InvalidInput for what names no field."""
    parts = [text.partition(":") for text in given]
    if any(not sign for _, sign, _ in parts):
        raise InvalidInput("where is field:value", {"where": ["is field:value"]})
    return {name.strip(): value.strip() for name, _, value in parts}


def _found(conn: Connection, id: str) -> List:
    """Raises NotFound, also for a list that the key may not see."""
    return list_of(schema(conn, caller().org), caller(), id)


def _shown(conn: Connection, list_id: str, item: str) -> Document:
    _found(conn, list_id)
    row = grid.one(conn, caller().org, item)
    if row.item.list_id != list_id:
        raise NotFound(f"there is no list item {item!r}")
    return _item(row)


def _item(row: grid.Row) -> Document:
    return {
        "id": row.item.id,
        "list_id": row.item.list_id,
        "name": row.item.name,
        "account": None if row.account is None else firm(row.account),
        "contacts": [person(one) for one in row.contacts],
        "fields": {name: plain(value) for name, value in row.cells.items()},
        "created_at": time(instant(row.item.created_ms)),
        "modified_at": time(instant(row.item.modified_ms)),
    }
