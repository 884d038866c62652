"""The stand-ins' books, and paying what stands in them. Test organizations only."""

from dataclasses import asdict

from marshmallow import Schema, fields, validate

from relay.core.errors import NotFound
from relay.core.ids import public
from relay.pipeline import arrange, sandbox
from relay.storage.connections import ConnectionRow
from relay.web.api.resource import Resource
from relay.web.api.site import Document, by, caller, page_of, read, runtime, whole


class BookDocument(Schema):
    """One document in a sandbox's books."""

    id = fields.String(required=True)
    kind = fields.String(metadata={"example": "sales receipt"})
    number = fields.String()
    customer = fields.String()
    amount = fields.String(metadata={"example": "1250.00"})
    currency = fields.String()
    state = fields.String()
    created_at = fields.String()
    payable = fields.Boolean()


class Told(Schema):
    """The deliveries by which the sandbox tells our source of the payment."""

    deliveries = fields.List(fields.String(), required=True)


class SandboxFault(Schema):
    """What a sandbox does wrong, the next `times` requests that it fits."""

    name = fields.String(required=True, metadata={"example": "timeout_after_work"})
    times = fields.Integer(load_default=1, validate=validate.Range(min=1, max=1000))
    path = fields.String(allow_none=True, load_default=None)
    about = fields.String(
        allow_none=True, load_default=None, metadata={"description": "a text that the body has"}
    )
    seconds = fields.Integer(
        allow_none=True, load_default=None, validate=validate.Range(min=1, max=180)
    )


class SandboxFaults(Schema):
    """What still is to go wrong, and what can be asked for."""

    data = fields.List(fields.Nested(SandboxFault), required=True)
    known = fields.Dict(keys=fields.String(), values=fields.String())
    next = fields.String(required=True, allow_none=True)


routes = Resource("sandboxes", "The books of a test organization's stand-ins.")


@routes.get("/connections/<ref>/documents", scope="connections", answer=page_of(BookDocument))
def list_documents(ref: str) -> Document:
    """What stands in a sandbox's books, newest first."""
    row = _sandbox(ref)
    books = sandbox.books(runtime(), row.org, row.provider)
    names = ("id", "kind", "number", "customer", "amount", "currency", "state", "created_at",
             "payable")  # fmt: skip
    return whole({name: getattr(one, name) for name in names} for one in books)


@routes.post("/connections/<ref>/documents/<document>/pay", scope="connections", answer=Told)
def pay_document(ref: str, document: str) -> Document:
    """Pays a document, as its customer would; the sandbox tells our source of it."""
    row = _sandbox(ref)
    told = sandbox.pay(runtime(), row.org, row.provider, document)
    return {"deliveries": [public("dlv", id) for id in told]}


@routes.get("/connections/<ref>/faults", scope="connections", answer=SandboxFaults)
def list_faults(ref: str) -> Document:
    """What a sandbox is to do wrong, and what it can be asked to."""
    row = _sandbox(ref)
    found = sandbox.planned(runtime(), row.org, row.provider)
    return {**whole(map(asdict, found)), "known": dict(sandbox.faults(runtime(), row.provider))}


@routes.post(
    "/connections/<ref>/faults",
    scope="connections",
    body=SandboxFault,
    status=201,
    answer=SandboxFault,
)
def plan_fault(asked: Document, ref: str) -> Document:
    """Asks a sandbox to fail."""
    row = _sandbox(ref)
    fault = sandbox.Fault(**asked)
    sandbox.plan(runtime(), row.org, row.provider, fault, by=by())
    return asdict(fault)


@routes.delete("/connections/<ref>/faults", scope="connections", status=204)
def forget_faults(ref: str) -> None:
    """The sandbox works as it should again."""
    row = _sandbox(ref)
    sandbox.forget_faults(runtime(), row.org, row.provider, by=by())


def _sandbox(ref: str) -> ConnectionRow:
    """Raises NotFound, also for a connection to the real provider."""
    row = read(lambda conn: arrange.connection_called(conn, caller().org, ref))
    if row.sandbox_path is None:
        raise NotFound(f"{row.name} is no sandbox")
    return row
