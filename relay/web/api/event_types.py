"""What hooks can be told of, and how it looks: types of event, samples, single messages."""

from typing import Any

from flask import Response, jsonify
from marshmallow import EXCLUDE, INCLUDE, Schema, fields, validate

from relay.core.ids import number
from relay.pipeline import redeliver
from relay.pipeline.catalogue import types_of
from relay.pipeline.hook_documents import event_type
from relay.pipeline.samplings import samples
from relay.web.api.hook_site import found, known, may_hear
from relay.web.api.resource import Resource
from relay.web.api.site import Document, caller, page_of, read, runtime, whole
from relay.web.v2.site import may_see


class EventTypeDocument(Schema):
    """A type of event: its JSON Schema and an example, both of the flat form."""

    type = fields.String(required=True)
    about = fields.String()
    origin = fields.String(validate=validate.OneOf(("relay", "rule")))
    schema = fields.Dict()
    example = fields.Dict()


class KeepingList(Schema):
    """A list that a hook or a key can be kept to; `crm` is the connection to the CRM elsewhere that
    has it, null for Relay's own."""

    id = fields.String(required=True)
    title = fields.String(required=True)
    type = fields.String()
    crm = fields.String(allow_none=True)


class SampleQuery(Schema):
    """Of which event, and of which list."""

    class Meta:
        unknown = EXCLUDE

    event = fields.String(required=True)
    list_id = fields.String()


class Sample(Schema):
    """A record exactly as it is delivered."""

    class Meta:
        unknown = INCLUDE

    id = fields.String(required=True)

    def dump(self, obj: Any, *, many: bool | None = None) -> Any:
        """As it is: its other fields are those of its type."""
        del many
        return obj


routes = Resource("event types", "What hooks can be told of, with samples.")


@routes.get("/hooks/events", scope="hooks", answer=page_of(EventTypeDocument))
def list_event_types() -> Document:
    """Every type of event there is here, with its JSON Schema and an example."""
    setup = read(lambda conn: runtime().setups.of(conn, caller().org))
    return whole(map(event_type, types_of(setup).values()))


@routes.get("/hooks/lists", scope="hooks", answer=page_of(KeepingList))
def list_keeping_lists() -> Document:
    """The lists that a hook can be kept to, Relay's own and those of a CRM elsewhere."""
    lists = known()
    return whole(lists.document(one) for one in lists.all if may_see(caller(), one))


@routes.get("/hooks/samples", scope="hooks", query=SampleQuery, answer=Sample(many=True))
def list_samples(query: Document) -> Response:
    """A bare array of up to three recent records in exactly the delivered shape, newest first."""
    may_hear(query["event"], query.get("list_id"))
    recent = samples(runtime(), caller().org, query["event"], list_id=query.get("list_id"))
    return jsonify(recent)


@routes.get("/hooks/<ref>/messages/<event>", scope="hooks", answer=Sample)
def one_message(ref: str, event: str) -> Response:
    """What it is told of an event, whole: for a message that was too large to send."""
    found(ref)
    return jsonify(redeliver.message(runtime(), caller().org, ref, number("evt", event)))
