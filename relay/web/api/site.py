"""What a route of `/api/v1` works with: whose request it is, pages, and what its key may see."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from flask import current_app, g
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from relay.core.access import Caller
from relay.core.errors import NotFound
from relay.crm.port import Author
from relay.pipeline.crm_lists import all_lists
from relay.runtime import Runtime
from relay.storage.reads.page import Cut, Page
from relay.storage.reads.story import lists_of

Document = dict[str, Any]
T = TypeVar("T")
Row = TypeVar("Row")
View = Callable[..., Any]

PREFIX = "/api/v1"
MOST = 200
_HEADER = "Idempotency-Key"
_LONGEST_KEY = 255
_PATIENCE = 2.0  # seconds that a second request waits for the first
_LOOK = 0.05


def runtime() -> Runtime:
    """The process's."""
    found: Runtime = current_app.extensions["relay"]
    return found


def caller() -> Caller:
    """Whose request it is."""
    found: Caller = g.caller
    return found


def by() -> str:
    """Whom the audit log names."""
    return f"key {caller().name}"


def author() -> Author:
    """Who makes this request's changes in the CRM."""
    return Author(kind="key", ref=caller().key)


def read(work: Callable[[Connection], T]) -> T:
    """Reads in one transaction."""
    with runtime().db.read() as conn:
        return work(conn)


def write(work: Callable[[Connection], T]) -> T:
    """Writes in one transaction."""
    with runtime().db.write() as conn:
        return work(conn)


# --- pages ---------------------------------------------------------------------------------------


class PageQuery(Schema):
    """Which part of a list."""

    cursor = fields.String(metadata={"description": "the `next` of the page before"})
    limit = fields.Integer(load_default=50, validate=validate.Range(min=1, max=MOST))


def page_of(document: type[Schema]) -> Schema:
    """The schema of a page of such documents. Made once, at import."""
    return Schema.from_dict(
        {
            "data": fields.List(fields.Nested(document), required=True),
            "next": fields.String(required=True, allow_none=True),
        },
        name=f"{document.__name__}Page",
    )()


def cut(query: Document) -> Cut:
    """Raises InvalidInput for what is no cursor."""
    return Cut.of(query.get("cursor"), query.get("after"), size=query["limit"])


def paged(page: Page[Row], data: Iterable[Document]) -> Document:
    """A page of numbered rows as it is answered."""
    return {"data": list(data), "next": None if page.older is None else str(page.older)}


def whole(data: Iterable[Document]) -> Document:
    """A list that is never long enough to be cut."""
    return {"data": list(data), "next": None}


# --- keys that see some lists only ---------------------------------------------------------------


def visible(
    conn: Connection, rows: Sequence[Row], item_of: Callable[[Row], str | None]
) -> list[Row]:
    """The rows about items that the key may see: all, where it is not kept to some lists."""
    return among(conn, caller().org, allowed(conn), rows, item_of)


def among(
    conn: Connection,
    org: int,
    lists: set[str] | None,
    rows: Sequence[Row],
    item_of: Callable[[Row], str | None],
) -> list[Row]:
    """The rows about items of these lists; None: of all. Asks nothing of the request: a file is
    still sent when that is over."""
    if lists is None:
        return list(rows)
    where = lists_of(conn, org, {item for row in rows if (item := item_of(row))})
    return [row for row in rows if where.get(item_of(row) or "") in lists]


def check_visible(conn: Connection, item: str | None) -> None:
    """Raises NotFound for an item that the key may not see."""
    if not visible(conn, [item], lambda one: one):
        raise NotFound("there is no such thing here")


def allowed(conn: Connection) -> set[str] | None:
    """The ids of the lists that the key is kept to; None: it sees all."""
    named = caller().lists
    if named is None:
        return None
    known = all_lists(runtime(), conn, caller().org).all
    return {one.id for one in known if one.id in named or one.title in named}
