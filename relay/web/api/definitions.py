"""What people define: lists, fields, options. `accounts` in place of a list's id: the fields of
accounts."""

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from relay.crm.embedded.admin import SALES, NewField
from relay.crm.embedded.schema import ACCOUNT_FIELDS, schema
from relay.crm.model import FieldType
from relay.pipeline import documents
from relay.pipeline.definitions import (
    ACCOUNTS,
    Definer,
    field_called,
    field_type,
    fields_of,
    option_called,
)
from relay.web.api.lists import FieldDocument, ListDocument
from relay.web.api.resource import Resource
from relay.web.api.site import Document, by, caller, page_of, read, runtime, whole
from relay.web.v2.site import list_of

_TEXT = validate.Length(min=1)


class Force(Schema):
    """A change that live rules or mappings would suffer from is refused, unless it is forced."""

    force = fields.Boolean(load_default=False)


class NewOption(Schema):
    """A choice. `is_closed`: an item with this status is no longer open."""

    label = fields.String(required=True, validate=_TEXT)
    is_closed = fields.Boolean(load_default=None, allow_none=True)


class NewFieldDocument(Schema):
    """A column to be made; `options` for a List field."""

    label = fields.String(required=True, validate=_TEXT)
    type = fields.String(required=True, validate=validate.OneOf([str(t) for t in FieldType]))
    is_multi = fields.Boolean(load_default=False)
    options = fields.List(fields.String(), load_default=list)


class NewList(Schema):
    """A list. `sales`: with Status, Owner, Revenue and Close Date, as SalesforceIQ made one."""

    title = fields.String(required=True, validate=_TEXT)
    type = fields.String(load_default="account", validate=validate.OneOf(("account", "contact")))
    sales = fields.Boolean(load_default=False)
    columns = fields.List(fields.Nested(NewFieldDocument), data_key="fields", load_default=list)


class Renamed(Force):
    """Another title."""

    title = fields.String(required=True, validate=_TEXT)


class Relabelled(Force):
    """Another label."""

    label = fields.String(required=True, validate=_TEXT)


routes = Resource("definitions", "Lists, fields and options: what people define.")


@routes.get("/lists/<id>/fields", scope="crm:read", answer=page_of(FieldDocument))
def list_fields(id: str) -> Document:
    """The columns of a list."""
    found = read(lambda conn: fields_of(conn, caller().org, _list(conn, id)))
    return whole(map(documents.field, found.all))


@routes.post("/lists", scope="admin", body=NewList, status=201, answer=ListDocument)
def create_list(new: Document) -> Document:
    """A new list, with the columns given."""
    columns = [_new_field(one) for one in new["columns"]]
    given = [*(SALES if new["sales"] else ()), *columns]
    return documents.crm_list(_definer().create_list(new["title"], new["type"], given))


@routes.patch("/lists/<id>", scope="admin", body=Renamed, answer=ListDocument)
def rename_list(new: Document, id: str) -> Document:
    """Another title; items stay as they are."""
    read(lambda conn: _list(conn, id))
    return documents.crm_list(_definer(new).rename_list(id, new["title"]))


@routes.delete("/lists/<id>", scope="admin", query=Force)
def delete_list(query: Document, id: str) -> None:
    """A list with its items; accounts and contacts stay."""
    read(lambda conn: _list(conn, id))
    _definer(query).delete_list(id)


@routes.post(
    "/lists/<id>/fields", scope="admin", body=NewFieldDocument, status=201, answer=FieldDocument
)
def create_field(new: Document, id: str) -> Document:
    """A new column."""
    list_id = read(lambda conn: _list(conn, id))
    return documents.field(_definer().create_field(list_id, _new_field(new)))


@routes.patch("/lists/<id>/fields/<field>", scope="admin", body=Relabelled, answer=FieldDocument)
def rename_field(new: Document, id: str, field: str) -> Document:
    """Another label, and with it another name in rules."""
    list_id, field_id = read(lambda conn: _field(conn, id, field))
    return documents.field(_definer(new).rename_field(list_id, field_id, new["label"]))


@routes.delete("/lists/<id>/fields/<field>", scope="admin", query=Force)
def delete_field(query: Document, id: str, field: str) -> None:
    """Takes a column off its list; its id is never used again."""
    list_id, field_id = read(lambda conn: _field(conn, id, field))
    _definer(query).delete_field(list_id, field_id)


@routes.post(
    "/lists/<id>/fields/<field>/options",
    scope="admin",
    body=NewOption,
    status=201,
    answer=FieldDocument,
)
def create_option(new: Document, id: str, field: str) -> Document:
    """A new choice of a List field."""
    list_id, field_id = read(lambda conn: _field(conn, id, field))
    made = _definer().create_option(list_id, field_id, new["label"], is_closed=new["is_closed"])
    return documents.field(made)


@routes.patch(
    "/lists/<id>/fields/<field>/options/<option>",
    scope="admin",
    body=Relabelled,
    answer=FieldDocument,
)
def rename_option(new: Document, id: str, field: str, option: str) -> Document:
    """Another label; items keep their choice."""
    list_id, field_id, option_id = read(lambda conn: _option(conn, id, field, option))
    made = _definer(new).rename_option(list_id, field_id, option_id, new["label"])
    return documents.field(made)


@routes.delete("/lists/<id>/fields/<field>/options/<option>", scope="admin", query=Force)
def delete_option(query: Document, id: str, field: str, option: str) -> None:
    """Nobody can choose it any more; items that have it show its id."""
    list_id, field_id, option_id = read(lambda conn: _option(conn, id, field, option))
    _definer(query).delete_option(list_id, field_id, option_id)


def _definer(asked: Document | None = None) -> Definer:
    force = bool(asked and asked.get("force"))
    return Definer(runtime=runtime(), org=caller().org, by=by(), force=force)


def _new_field(new: Document) -> NewField:
    return NewField(
        name=new["label"],
        type=field_type(new["type"]),
        options=tuple(new["options"]),
        is_multi=new["is_multi"],
    )


def _list(conn: Connection, id: str) -> str:
    """Raises NotFound, also for a list that the key may not see."""
    if id == ACCOUNTS:
        return ACCOUNT_FIELDS
    return list_of(schema(conn, caller().org), caller(), id).id


def _field(conn: Connection, id: str, name: str) -> tuple[str, str]:
    list_id = _list(conn, id)
    return list_id, field_called(fields_of(conn, caller().org, list_id), name).id


def _option(conn: Connection, id: str, name: str, option: str) -> tuple[str, str, str]:
    list_id, field_id = _field(conn, id, name)
    found = fields_of(conn, caller().org, list_id).by_id[field_id]
    return list_id, field_id, option_called(found, option)
