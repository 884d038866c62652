"""Contacts, accounts and items as files, streamed: who needs more than the API's filters reads all
of them into a database of their own (A3)."""

from collections.abc import Iterator

from flask import Response
from marshmallow import Schema, fields, validate

from relay.crm.embedded.schema import schema
from relay.pipeline import exports
from relay.storage.rows import FORMATS
from relay.web.api.resource import Resource
from relay.web.api.site import Document, caller, read, runtime
from relay.web.v2.site import list_of

JSON_LINES = "application/x-ndjson"
_PIECE = 32_000  # characters
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": JSON_LINES}
TEXT = {"description": "one JSON object on a line, or CSV"}


class ExportQuery(Schema):
    """As JSON Lines, or as CSV with a heading."""

    format = fields.String(load_default="jsonl", validate=validate.OneOf(FORMATS))


routes = Resource("export", "Everything of a kind as one file, JSON Lines or CSV.")


@routes.get(
    "/export/contacts",
    scope="crm:read",
    query=ExportQuery,
    answer=TEXT,
    content_type=JSON_LINES,
)
def export_contacts(query: Document) -> Response:
    """Every contact; JSON Lines have all properties."""
    return streamed(exports.contacts(runtime().db, caller().org, query["format"]), query)


@routes.get(
    "/export/accounts",
    scope="crm:read",
    query=ExportQuery,
    answer=TEXT,
    content_type=JSON_LINES,
)
def export_accounts(query: Document) -> Response:
    """Every account with its fields."""
    return streamed(exports.accounts(runtime().db, caller().org, query["format"]), query)


@routes.get(
    "/export/lists/<id>/items",
    scope="crm:read",
    query=ExportQuery,
    answer=TEXT,
    content_type=JSON_LINES,
)
def export_items(query: Document, id: str) -> Response:
    """Every item of a list with its fields."""
    in_list = read(lambda conn: list_of(schema(conn, caller().org), caller(), id))
    texts = exports.items(runtime().db, caller().org, in_list.id, query["format"])
    return streamed(texts, query)


def streamed(texts: Iterator[str], query: Document) -> Response:
    return Response(_gathered(texts), content_type=_TYPES[query["format"]])


def _gathered(texts: Iterator[str]) -> Iterator[str]:
    """In pieces of some size: a row each, sent on its own, would cost more than to write it."""
    held, size = list[str](), 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(held)
            held, size = [], 0
    if held:
        yield "".join(held)
