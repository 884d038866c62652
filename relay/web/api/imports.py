"""Contacts, accounts and items brought in from a file: checked as a whole before anything is
stored, and told line by line what is wrong with it."""

import shutil
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson
from flask import Response, request
from marshmallow import Schema, fields, validate

from relay.core.errors import InvalidInput
from relay.crm.embedded.schema import schema
from relay.pipeline import imports
from relay.pipeline.imports import Order, Report
from relay.runtime import Runtime
from relay.storage.rows import FORMATS
from relay.web.api.export import JSON_LINES
from relay.web.api.resource import Resource
from relay.web.api.site import Document, author, caller, read, runtime
from relay.web.v2.site import list_of

CSV = "text/csv"
LARGEST_FILE = 100_000_000


class ImportQuery(Schema):
    """How the file is read. `rules`: what is new or changes sets the rules off. With
    `Accept: application/x-ndjson` the answer tells how far it is, a line at a time, and the report
    is its last line."""

    format = fields.String(
        validate=validate.OneOf(FORMATS), metadata={"description": "else by the body's type"}
    )
    check = fields.Boolean(load_default=False, metadata={"description": "store nothing"})
    skip_bad = fields.Boolean(
        load_default=False, metadata={"description": "store the other lines although some are bad"}
    )
    rules = fields.Boolean(load_default=False)


class ItemsQuery(ImportQuery):
    """`match`: the oldest item with the line's contact or account is updated."""

    match = fields.String(validate=validate.OneOf(("contact", "account")))


class BadLine(Schema):
    """A line that cannot be stored, and why."""

    line = fields.Integer()
    reason = fields.String()


class ReportDocument(Schema):
    """What came of it. A file with bad lines that was not to be stored without them is refused
    with 422 instead, and the lines are named in `error.fields`."""

    lines = fields.Integer()
    created = fields.Integer()
    updated = fields.Integer()
    same = fields.Integer()
    stored = fields.Boolean()
    bad_lines = fields.Integer()
    bad = fields.List(fields.Nested(BadLine))


routes = Resource(
    "import", "Files of contacts, accounts and items; sent again they make nothing twice."
)


@routes.upload(
    "/import/contacts", scope="crm:write", query=ImportQuery, answer=ReportDocument,
    kinds=(CSV, JSON_LINES),
)  # fmt: skip
def import_contacts(query: Document) -> Document | Response:
    """Contacts, found by id or address."""
    return _brought_in("contacts", query)


@routes.upload(
    "/import/accounts", scope="crm:write", query=ImportQuery, answer=ReportDocument,
    kinds=(CSV, JSON_LINES),
)  # fmt: skip
def import_accounts(query: Document) -> Document | Response:
    """Accounts, found by name."""
    return _brought_in("accounts", query)


@routes.upload(
    "/import/lists/<id>/items", scope="crm:write", query=ItemsQuery, answer=ReportDocument,
    kinds=(CSV, JSON_LINES),
)  # fmt: skip
def import_items(query: Document, id: str) -> Document | Response:
    """Items of a list, found by id or as `match` says."""
    in_list = read(lambda conn: list_of(schema(conn, caller().org), caller(), id))
    return _brought_in("items", query, in_list.id)


def _brought_in(kind: str, query: Document, list_id: str | None = None) -> Document | Response:
    order = Order(
        org=caller().org,
        kind=kind,
        format=query.get("format") or ("csv" if request.mimetype == CSV else "jsonl"),
        author=author(),
        list_id=list_id,
        match=query.get("match"),
        rules=query["rules"],
        skip_bad=query["skip_bad"],
        check=query["check"],
    )
    if request.accept_mimetypes.best == JSON_LINES:
        return Response(_told(runtime(), order, _kept()), content_type=JSON_LINES)
    with _kept() as file:
        report = imports.bring_in(runtime(), order, file)
    if report.bad_lines and not (report.stored or order.check):
        raise _refused(report)
    return report.document()


def _kept() -> BinaryIO:
    """The body in a file that can be read twice, gone when it is closed."""
    request.max_content_length = LARGEST_FILE
    file: Any = tempfile.TemporaryFile()  # noqa: SIM115 - whoever reads it closes it
    try:
        shutil.copyfileobj(request.stream, file)
    except BaseException:
        file.close()
        raise
    return file  # type: ignore[no-any-return]


def _told(runtime: Runtime, order: Order, file: BinaryIO) -> Iterator[bytes]:
    """A line for each step, and the report."""
    with file:
        work = imports.step_by_step(runtime, order, file)
        while True:
            try:
                what, lines, of = next(work)
            except StopIteration as done:
                report: Report = done.value
                yield orjson.dumps(report.document()) + b"\n"
                return
            yield orjson.dumps({"step": what, "lines": lines, "of": of}) + b"\n"


def _refused(report: Report) -> InvalidInput:
    lines = {f"line {one.number}": [one.reason] for one in report.bad}
    told = f"{report.bad_lines} of {report.lines} lines are bad; nothing was stored"
    return InvalidInput(told, lines)
