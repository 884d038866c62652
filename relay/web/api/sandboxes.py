"""The stand-ins' books, and paying what stands in them. Test organizations only."""

from marshmallow import Schema, fields

from relay.core.errors import NotFound
from relay.core.ids import public
from relay.pipeline import arrange, sandbox
from relay.storage.connections import ConnectionRow
from relay.web.api.resource import Resource
from relay.web.api.site import Document, caller, page_of, read, runtime, whole


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


def _sandbox(ref: str) -> ConnectionRow:
    """Raises NotFound, also for a connection to the real provider."""
    row = read(lambda conn: arrange.connection_called(conn, caller().org, ref))
    if row.sandbox_path is None:
        raise NotFound(f"{row.name} is no sandbox")
    return row
