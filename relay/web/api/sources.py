"""Sources: inbound addresses, their secrets, and where their fields go."""

from marshmallow import Schema, fields, validate

from relay.core.errors import InvalidInput
from relay.mapping import parts_of
from relay.pipeline import arrange, documents, fitting
from relay.pipeline.arrange import NewSource as Wanted
from relay.pipeline.crm_lists import lists_of
from relay.pipeline.sample import document as sample_document
from relay.pipeline.sample import send as send_to
from relay.storage import connections, sources
from relay.storage.sources import SourceRow
from relay.web.api.lists import FieldDocument
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
    problem = fields.String(
        allow_none=True, metadata={"description": "why its address and secret cannot be read"}
    )
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
    list = fields.String(metadata={"description": "the list that the usual mapping fills"})
    connection = fields.String()


class MadeSource(Source):
    """A source; `secret` is there where we made it, this once."""

    secret = fields.String()


class Rotation(Schema):
    """The secret that the sender shows; without one we make it."""

    secret = fields.String(load_only=True)


class SourceChange(Schema):
    """What is given is changed: where the fields go (null: nowhere), options one by one (null takes
    one away), and the connection that completes its events."""

    mapping = fields.Dict(keys=fields.String(), allow_none=True)
    options = fields.Dict(keys=fields.String())
    connection = fields.String()


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


class SenderField(Schema):
    """A field that the sender sends: its name, what people call it, its last value, and the
    expression that reads it in a mapping."""

    name = fields.String()
    label = fields.String(allow_none=True)
    sent = fields.Raw(allow_none=True)
    expression = fields.String()
    is_fact = fields.Boolean()


class Beside(Schema):
    """Which list to look at; else the mapping's own."""

    list = fields.String()


class Fields(Schema):
    """The sender's fields beside the list's; `proposed` are expressions by the list's slugs."""

    source = fields.String()
    from_sample = fields.Boolean()
    fields_ = fields.List(fields.Nested(SenderField), data_key="fields", attribute="fields")
    list = fields.String(allow_none=True)
    list_fields = fields.List(fields.Nested(FieldDocument))
    proposed = fields.Dict()


class Trial(Schema):
    """A mapping to try, else the source's own; on this delivery, else the last one."""

    mapping = fields.Dict(keys=fields.String())
    event = fields.String(metadata={"example": "evt_12"})


class Cell(Schema):
    """A field of the list: now, and then; or why it would be refused, and where it came from."""

    slug = fields.String()
    name = fields.String()
    type = fields.String()
    sent = fields.Raw(allow_none=True)
    becomes = fields.Raw(allow_none=True)
    now = fields.Raw(allow_none=True)
    then = fields.Raw(allow_none=True)
    refused = fields.String(allow_none=True)
    from_ = fields.String(allow_none=True, data_key="from", attribute="from")


class Preview(Schema):
    """What a delivery would do; nothing is changed."""

    event = fields.String(allow_none=True)
    type = fields.String()
    would_save = fields.Boolean()
    stopped = fields.String(allow_none=True)
    contact = fields.Dict(allow_none=True)
    item = fields.Dict(allow_none=True)
    fields_ = fields.List(fields.Nested(Cell), data_key="fields", attribute="fields")
    stream = fields.Dict(allow_none=True)
    starts = fields.List(fields.String())
    note = fields.String(allow_none=True, metadata={"description": "what was not tried"})


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
def change_source(change: Document, ref: str) -> Document:
    """Where its fields go from now on, and how it checks and reads what comes."""
    org = caller().org
    if "options" in change or "connection" in change:
        arrange.change_source(
            runtime(), org, ref, options=change.get("options"),
            connection=change.get("connection"), by=by(),
        )  # fmt: skip
    if "mapping" in change:
        arrange.set_source_mapping(runtime(), org, ref, change["mapping"], by=by())
    return _told(read(lambda conn: arrange.source_called(runtime(), conn, org, ref)))


@routes.get("/sources/<ref>/fields", scope="sources", query=Beside, answer=Fields)
def list_source_fields(wanted: Document, ref: str) -> Document:
    """What its sender sends, beside the fields of a list, and what fits."""
    caller().need("events:read")
    if "list" in wanted:
        _check_list(wanted["list"])
    found = read(
        lambda conn: fitting.fitting(runtime(), conn, caller().org, ref, into=wanted.get("list"))
    )
    if found.into is not None:
        _check_list(found.into.title)
    return documents.fitting(found)


@routes.post("/sources/<ref>/preview", scope="sources", body=Trial, answer=Preview)
def preview_mapping(trial: Document, ref: str) -> Document:
    """What a delivery would do under a mapping: whom it finds, what changes, what is refused."""
    for scope in ("crm:read", "events:read"):
        caller().need(scope)
    org, mapping = caller().org, trial.get("mapping")
    row = read(lambda conn: arrange.source_called(runtime(), conn, org, ref))
    for part in parts_of(mapping or row.mapping or {}):
        if "list" in part:
            _check_list(part["list"])
    found = fitting.previewed(runtime(), org, ref, mapping=mapping, event=trial.get("event"))
    return documents.preview(found)


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


def _check_list(name: object) -> None:
    """A list that the key may not see behaves as if it did not exist. Raises InvalidInput."""
    org, seen = caller().org, caller().lists
    one = read(lambda conn: lists_of(runtime(), conn, org)).called(name)
    if seen is not None and {one.id, one.title}.isdisjoint(seen):
        raise InvalidInput(f"there is no list {str(name)!r}")


def _told(row: SourceRow) -> Document:
    known = read(lambda conn: connections.all_connections(conn, caller().org))
    return documents.source(row, runtime().settings.base_url, {one.id: one for one in known})
