"""Connections: accounts at providers; targets: addresses with a name."""

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from relay.pipeline import arrange, connect, documents, watch_report
from relay.storage import connections
from relay.web.api.resource import Resource
from relay.web.api.site import (
    Document,
    by,
    caller,
    page_of,
    read,
    runtime,
    whole,
)

_TIME = {"format": "date-time"}


class ConnectionDocument(Schema):
    """An account at a provider, without its credentials."""

    id = fields.String(required=True, metadata={"example": "con_1"})
    provider = fields.String()
    name = fields.String()
    is_sandbox = fields.Boolean()
    base_url = fields.String(allow_none=True)
    settings = fields.Dict()
    state = fields.String(validate=validate.OneOf(("active", "paused", "needs_reconnect")))
    reason = fields.String(allow_none=True)
    used_at = fields.String(allow_none=True, metadata=_TIME)


class WatchedList(Schema):
    """How far a list of a CRM elsewhere has been read."""

    id = fields.String(required=True)
    title = fields.String()
    items = fields.Integer()
    cursor = fields.String(allow_none=True, metadata=_TIME)
    baseline = fields.Boolean(metadata={"description": "false while it is read the first time"})
    full_pass_at = fields.String(allow_none=True, metadata=_TIME)


class Watch(Schema):
    """How the watch on a CRM elsewhere stands; requests are those of the UTC day."""

    looked_at = fields.String(allow_none=True, metadata=_TIME)
    lag_seconds = fields.Integer(allow_none=True)
    failures = fields.Integer()
    problem = fields.String(allow_none=True)
    requests_today = fields.Integer()
    watch_requests_today = fields.Integer()
    daily_quota = fields.Integer()
    watch_quota = fields.Integer()
    poll_seconds = fields.Integer()
    lists = fields.List(fields.Nested(WatchedList))


class OneConnection(ConnectionDocument):
    """A connection; of a CRM elsewhere with its watch."""

    watch = fields.Nested(Watch, allow_none=True)


class ConnectionType(Schema):
    """A provider that can be connected. `consent`: a person lets Relay in on its own page;
    `anywhere`: a person gives its address."""

    provider = fields.String(required=True)
    title = fields.String()
    secrets = fields.List(fields.String())
    consent = fields.Boolean()
    anywhere = fields.Boolean()
    settings = fields.Dict(keys=fields.String(), values=fields.String())
    hosts = fields.Dict(keys=fields.String(), values=fields.String())
    has_sandbox = fields.Boolean()


class NewConnection(Schema):
    """A test organization gets a sandbox, and gives neither host nor secrets. A CRM elsewhere has
    a `url`."""

    provider = fields.String(required=True, metadata={"example": "recurly"})
    name = fields.String(validate=validate.Length(min=1))
    host = fields.String()
    url = fields.String(metadata={"example": "https://crm.example.com/v2"})
    secrets = fields.Dict(keys=fields.String(), values=fields.String(), load_only=True)
    settings = fields.Dict(keys=fields.String())


class ConnectionChange(Schema):
    """Settings are set one by one; null takes one away."""

    name = fields.String(validate=validate.Length(min=1))
    settings = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True))


class NewSecrets(Schema):
    """Other secrets for the same account."""

    secrets = fields.Dict(keys=fields.String(), values=fields.String(), load_only=True)


class Reconnected(ConnectionDocument):
    """The connection, and how many runs that waited go on."""

    released = fields.Integer()


class Released(Schema):
    """How many runs that waited go on."""

    released = fields.Integer(required=True)


class Tested(Schema):
    """What the provider calls the account."""

    account = fields.String(required=True)


class Target(Schema):
    """A named address."""

    id = fields.String(required=True, metadata={"example": "tgt_1"})
    name = fields.String()
    url = fields.String()
    problem = fields.String(
        allow_none=True, metadata={"description": "why its secret cannot be read"}
    )


class NewTarget(Schema):
    """What is to be added."""

    name = fields.String(required=True, validate=validate.Length(min=1))
    url = fields.String(required=True)


class TriedTarget(Schema):
    """A target that a notice is on its way to."""

    name = fields.String(required=True)
    sent = fields.Boolean()


class MadeTarget(Target):
    """A target with the secret that signs what is sent there, shown this once."""

    secret = fields.String()


routes = Resource("connections", "Accounts at providers, and addresses with a name.")


@routes.get("/connections", scope="connections", answer=page_of(ConnectionDocument))
def list_connections() -> Document:
    """Every connection of the organization."""
    found = read(lambda conn: connections.all_connections(conn, caller().org))
    return whole(map(documents.connection, found))


@routes.post(
    "/connections",
    scope="connections",
    body=NewConnection,
    status=201,
    answer=ConnectionDocument,
)
def add_connection(new: Document) -> Document:
    """A new one; one that a person has yet to let in waits as `needs_reconnect`."""
    wanted = connect.NewConnection(**{"name": new["provider"], **new})
    return documents.connection(connect.add(runtime(), caller().org, wanted, by=by()))


@routes.get("/connections/types", scope="connections", answer=page_of(ConnectionType))
def list_connection_types() -> Document:
    """The providers that can be connected."""
    known = runtime().integrations.items()
    return whole(
        documents.connection_type(name, one) for name, one in known if one.connector is not None
    )


@routes.get("/connections/<ref>", scope="connections", answer=OneConnection)
def one_connection(ref: str) -> Document:
    """A connection, by id or name."""

    def shown(conn: Connection) -> Document:
        row = arrange.connection_called(conn, caller().org, ref)
        watch = watch_report.report(conn, row, runtime().clock.now())
        return {**documents.connection(row), "watch": watch}

    return read(shown)


@routes.patch(
    "/connections/<ref>", scope="connections", body=ConnectionChange, answer=ConnectionDocument
)
def change_connection(change: Document, ref: str) -> Document:
    """Its settings, its name."""
    return documents.connection(connect.change(runtime(), caller().org, ref, **change, by=by()))


@routes.post(
    "/connections/<ref>/reconnect", scope="connections", body=NewSecrets, answer=Reconnected
)
def reconnect(new: Document, ref: str) -> Document:
    """Other secrets; the runs that waited go on."""
    secrets = new.get("secrets", {})
    row, released = connect.reconnect(runtime(), caller().org, ref, secrets, by=by())
    return {**documents.connection(row), "released": released}


@routes.delete("/connections/<ref>", scope="connections", status=204)
def remove_connection(ref: str) -> None:
    """Forgets its secrets; its bookings stay."""
    connect.remove(runtime(), caller().org, ref, by=by())


@routes.post("/connections/<ref>/test", scope="connections", answer=Tested)
def try_connection(ref: str) -> Document:
    """Asks the provider who it is."""
    return {"account": arrange.try_connection(runtime(), caller().org, ref)}


@routes.post("/connections/<ref>/pause", scope="connections", answer=ConnectionDocument)
def pause_connection(ref: str) -> Document:
    """Runs that need it wait until it goes on."""
    row, _ = arrange.pause_connection(runtime(), caller().org, ref, paused=True, by=by())
    return documents.connection(row)


@routes.post("/connections/<ref>/resume", scope="connections", answer=Released)
def resume_connection(ref: str) -> Document:
    """It is used again, and the runs that waited go on."""
    _, released = arrange.pause_connection(runtime(), caller().org, ref, paused=False, by=by())
    return {"released": released}


@routes.get("/targets", scope="hooks", answer=page_of(Target))
def list_targets() -> Document:
    """Every target of the organization."""
    found = read(lambda conn: connections.all_targets(conn, runtime().vault, caller().org))
    return whole(map(documents.target, found))


@routes.post("/targets", scope="hooks", body=NewTarget, status=201, answer=MadeTarget)
def add_target(new: Document) -> Document:
    """A new one; the secret that signs what is sent there is shown this once."""
    row, secret = arrange.add_target(runtime(), caller().org, new["name"], new["url"], by=by())
    return documents.target(row) | {"secret": secret}


@routes.post("/targets/<ref>/test", scope="hooks", answer=TriedTarget)
def test_target(ref: str) -> Document:
    """Sends a notice there that tells of nothing, to see whether it arrives."""
    return {"name": arrange.test_target(runtime(), caller().org, ref, by=by()), "sent": True}


@routes.post("/targets/<ref>/rotate", scope="hooks", answer=MadeTarget)
def rotate_target(ref: str) -> Document:
    """A new secret, shown this once; it signs at once in place of the old one."""
    row, secret = arrange.rotate_target(runtime(), caller().org, ref, by=by())
    return documents.target(row) | {"secret": secret}


@routes.delete("/targets/<ref>", scope="hooks", status=204)
def remove_target(ref: str) -> None:
    """Takes it away, by id or name."""
    arrange.remove_target(runtime(), caller().org, ref, by=by())
