"""Sources: inbound addresses, their secrets, and where their fields go."""

from marshmallow import Schema, fields, validate

from relay.pipeline import arrange, documents
from relay.pipeline.arrange import NewSource as Wanted
from relay.pipeline.sample import document as sample_document
from relay.pipeline.sample import send as send_to
from relay.storage import connections, sources
from relay.storage.sources import SourceRow
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


class Source(Schema):
    """An inbound address. `url` is a secret of its own: whoever knows it may send."""

    id = fields.String(required=True, metadata={"example": "src_1"})
    type = fields.String()
    name = fields.String()
    url = fields.String()
    state = fields.String(validate=validate.OneOf(("active", "paused", "disabled")))
    reason = fields.String(allow_none=True)
    options = fields.Dict()
    mapping = fields.Dict(allow_none=True)
    connection = fields.String(allow_none=True)


class NewSource(Schema):
    """`secret` is what the sender shows, where it has one of its own; else we make one. Without
    `mapping` the source gets the usual one of its type; null: the rules alone decide."""

    type = fields.String(required=True, metadata={"example": "webform"})
    name = fields.String(required=True, validate=validate.Length(min=1))
    secret = fields.String(load_only=True)
    options = fields.Dict(keys=fields.String())
    mapping = fields.Dict(keys=fields.String(), allow_none=True)
    connection = fields.String()


class MadeSource(Source):
    """A source; `secret` is there where we made it, this once."""

    secret = fields.String()


class Rotation(Schema):
    """The secret that the sender shows; without one we make it."""

    secret = fields.String(load_only=True)


class SourceChange(Schema):
    """Where the fields go from now on; null: nowhere."""

    mapping = fields.Dict(required=True, keys=fields.String(), allow_none=True)


class SampleAsked(Schema):
    """Which of the sender's samples; without a name the usual one."""

    case = fields.String()


class SampleSent(Schema):
    """A signed sample that was sent to the source's own address, and what became of it."""

    source = fields.String(required=True)
    type = fields.String()
    case = fields.String()
    url = fields.String()
    status = fields.Integer()
    accepted = fields.Boolean()
    event_id = fields.String(allow_none=True, metadata={"example": "evt_42"})
    state = fields.String(allow_none=True)
    reason = fields.String(allow_none=True)


class SourceType(Schema):
    """A kind of source that can be made."""

    type = fields.String(required=True)
    title = fields.String()
    secret = fields.String(validate=validate.OneOf(("generated", "pasted", "brought", "none")))
    proof = fields.String()
    is_thin = fields.Boolean()
    events = fields.List(fields.String())
    options = fields.Dict()
    setup = fields.String()


routes = Resource("sources", "Inbound addresses, their secrets, and where their fields go.")


@routes.get("/sources", scope="sources", answer=page_of(Source))
def list_sources() -> Document:
    """Every source of the organization."""
    found = read(lambda conn: sources.all_sources(conn, runtime().vault, caller().org))
    return whole(map(_told, found))


@routes.post("/sources", scope="sources", body=NewSource, status=201, answer=MadeSource)
def create_source(new: Document) -> Document:
    """A new inbound address; a secret that we make is shown this once."""
    unmapped = "mapping" in new and new["mapping"] is None
    wanted = Wanted(**new, unmapped=unmapped)
    row, secret = arrange.create_source(runtime(), caller().org, wanted, by=by())
    return _told(row) | ({} if secret is None else {"secret": secret})


@routes.get("/sources/types", scope="sources", answer=page_of(SourceType))
def list_types() -> Document:
    """The kinds of source that can be made."""
    return whole(documents.source_types(runtime().integrations))


@routes.get("/sources/<ref>", scope="sources", answer=Source)
def one_source(ref: str) -> Document:
    """A source, by id or name."""
    org = caller().org
    return _told(read(lambda conn: arrange.source_called(runtime(), conn, org, ref)))


@routes.patch("/sources/<ref>", scope="sources", body=SourceChange, answer=Source)
def map_source(change: Document, ref: str) -> Document:
    """Where its fields go from now on."""
    mapping = change["mapping"]
    return _told(arrange.set_source_mapping(runtime(), caller().org, ref, mapping, by=by()))


@routes.post("/sources/<ref>/rotate", scope="sources", body=Rotation, answer=MadeSource)
def rotate_source(new: Document, ref: str) -> Document:
    """A new secret; the old one counts for a day more."""
    given = new.get("secret")
    row, secret = arrange.rotate_source(runtime(), caller().org, ref, given, by=by())
    return _told(row) | ({} if secret is None else {"secret": secret})


@routes.post("/sources/<ref>/sample", scope="sources", body=SampleAsked, answer=SampleSent)
def send_sample(asked: Document, ref: str) -> Document:
    """Sends a signed sample to the source, over HTTP, as its sender would."""
    row = read(lambda conn: arrange.source_called(runtime(), conn, caller().org, ref))
    return sample_document(send_to(runtime(), row, asked.get("case"), by=by()))


@routes.post("/sources/<ref>/pause", scope="sources", answer=Source)
def pause_source(ref: str) -> Document:
    """Its senders are told to come again until it goes on."""
    return _told(arrange.pause_source(runtime(), caller().org, ref, paused=True, by=by()))


@routes.post("/sources/<ref>/resume", scope="sources", answer=Source)
def resume_source(ref: str) -> Document:
    """It takes deliveries again."""
    return _told(arrange.pause_source(runtime(), caller().org, ref, paused=False, by=by()))


def _told(row: SourceRow) -> Document:
    known = read(lambda conn: connections.all_connections(conn, caller().org))
    return documents.source(row, runtime().settings.base_url, {one.id: one for one in known})
