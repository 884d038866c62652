"""Sending deliveries again: one, or what a filter chooses."""

from marshmallow import Schema, fields, validate

from relay.core.errors import NotAllowed
from relay.core.ids import number
from relay.pipeline import redeliver
from relay.pipeline.hook_documents import order
from relay.storage import redeliveries
from relay.storage.reads import deliveries
from relay.storage.redeliveries import Chosen
from relay.web.api.hook_acts import OrderDocument, Span
from relay.web.api.resource import Resource
from relay.web.api.site import Document, by, caller, check_visible, read, runtime

STATES = ("failed", "held", "delivered", "cancelled")


class Again(Schema):
    """`force`: although it was delivered."""

    force = fields.Boolean(load_default=False)


class Queued(Schema):
    """It is sent now."""

    id = fields.String(required=True)
    state = fields.String()


class Choice(Span):
    """Which deliveries; `search` is a message's or an item's id, or a part of the address;
    `force`: also those that were delivered."""

    hook = fields.String(metadata={"example": "hook_3"})
    states = fields.List(
        fields.String(validate=validate.OneOf(STATES)),
        load_default=lambda: ["failed", "held"],
    )
    type = fields.String()
    search = fields.String()
    force = fields.Boolean(load_default=False)


routes = Resource("deliveries", "Sending deliveries again.")


@routes.post("/deliveries/<id>/replay", scope="events:replay", body=Again, status=202,
             answer=Queued)  # fmt: skip
def replay_delivery(given: Document, id: str) -> Document:
    """One more try, now, outside of the schedule: the same message to the address as it is."""
    row = number("dlv", id)
    read(lambda conn: check_visible(conn, deliveries.detail(conn, caller().org, row).row.item_id))
    redeliver.resend(runtime(), caller().org, row, by=by(), force=given["force"])
    return {"id": id, "state": "pending"}


@routes.post("/deliveries/replay", scope="events:replay", body=Choice, status=202,
             answer=OrderDocument)  # fmt: skip
def replay_deliveries(given: Document) -> Document:
    """Sends again what the filter chooses, oldest first, behind everything that is new."""
    if caller().lists is not None:
        raise NotAllowed("this key is kept to some lists: it can send single deliveries again")
    hook = number("hook", given.pop("hook")) if given.get("hook") else None
    force = given.pop("force")
    chosen = Chosen(hook=hook, **given)
    return order(redeliver.bulk(runtime(), caller().org, chosen, by=by(), force=force))


@routes.get("/redeliveries/<id>", scope="events:replay", answer=OrderDocument)
def one_order(id: str) -> Document:
    """How far an order to send again has come."""
    return order(read(lambda conn: redeliveries.order(conn, caller().org, number("rdl", id))))


@routes.post("/redeliveries/<id>/cancel", scope="events:replay", answer=OrderDocument)
def cancel_order(id: str) -> Document:
    """What has not been sent yet is cancelled."""
    return order(redeliver.cancel(runtime(), caller().org, number("rdl", id), by=by()))
