"""What is done with a hook: tried, paused, given another secret, and told again what it missed."""

from datetime import datetime, timedelta
from typing import Any

from marshmallow import Schema, fields, validate

from relay.core import hook as hooks
from relay.pipeline import portal, redeliver, subscribe, trial
from relay.pipeline.hook_documents import order
from relay.pipeline.plain import time
from relay.web.api.hook_site import found, told
from relay.web.api.hooks import HookDocument, MadeHook
from relay.web.api.resource import Resource
from relay.web.api.site import Document, by, caller, runtime

_TIME = {"format": "date-time"}


class HookRotation(Schema):
    """How long the old secret signs beside the new one, and with what the new one signs."""

    overlap_seconds = fields.Float(load_default=hooks.OVERLAP.total_seconds())
    scheme = fields.String(validate=validate.OneOf(subscribe.SCHEMES))


class Tried(Schema):
    """What was sent, and what came back."""

    sent = fields.String()
    at = fields.String(metadata=_TIME)
    status = fields.Integer(allow_none=True)
    error = fields.String(allow_none=True)
    headers = fields.Dict(keys=fields.String())
    body = fields.String()


class LinkWanted(Schema):
    """How long the link is to last."""

    seconds = fields.Float(load_default=portal.LASTS.total_seconds())


class Link(Schema):
    """An address for the subscriber, without an account; whoever has it may look."""

    url = fields.String(required=True)
    expires_at = fields.String(metadata=_TIME)


class Span(Schema):
    """From when to when."""

    since = fields.AwareDateTime(format="iso")
    until = fields.AwareDateTime(format="iso")


class LongAgo(Span):
    """From when to when."""

    since = fields.AwareDateTime(format="iso", required=True)


class OrderDocument(Schema):
    """An order to send again; `outcomes` counts its deliveries by state."""

    id = fields.String(required=True, metadata={"example": "rdl_2"})
    kind = fields.String(validate=validate.OneOf(("recover", "missing", "filter")))
    hook_id = fields.String(allow_none=True)
    wanted = fields.Dict()
    by = fields.String()
    state = fields.String(validate=validate.OneOf(("running", "done", "cancelled")))
    queued = fields.Integer()
    outcomes = fields.Dict(keys=fields.String(), values=fields.Integer())
    created_at = fields.String(metadata=_TIME)
    ended_at = fields.String(allow_none=True, metadata=_TIME)


routes = Resource("hooks at work", "Hooks tried, paused, and told again what they missed.")


@routes.post("/hooks/<ref>/test", scope="hooks", answer=Tried)
def try_hook(ref: str) -> Document:
    """Sends a signed sample now, and shows what came back."""
    found(ref)
    return trial.send_sample(runtime(), caller().org, ref, by=by())


@routes.post("/hooks/<ref>/pause", scope="hooks", answer=HookDocument)
def pause_hook(ref: str) -> Document:
    """What it would have been told is held until it goes on."""
    found(ref)
    return told(subscribe.set_state(runtime(), caller().org, ref, "paused", by=by()))


@routes.post("/hooks/<ref>/enable", scope="hooks", answer=HookDocument)
def enable_hook(ref: str) -> Document:
    """It is told again of what happens from now on; what was held is sent by `recover`."""
    found(ref)
    return told(subscribe.set_state(runtime(), caller().org, ref, "active", by=by()))


@routes.post("/hooks/<ref>/rotate", scope="hooks", body=HookRotation, answer=MadeHook)
def rotate_hook(given: Document, ref: str) -> Document:
    """A new secret, shown this once; the old one signs beside it for a while."""
    found(ref)
    overlap = timedelta(seconds=given["overlap_seconds"])
    row, secret = subscribe.rotate(
        runtime(), caller().org, ref, by=by(), overlap=overlap, scheme=given.get("scheme")
    )
    return told(row) | {"secret": secret}


@routes.post("/hooks/<ref>/portal", scope="hooks", body=LinkWanted, status=201, answer=Link)
def link_hook(wanted: Document, ref: str) -> Document:
    """A link for the subscriber: its deliveries, one more try, a new secret, how to verify."""
    found(ref)
    lasts = timedelta(seconds=wanted["seconds"])
    url, ends = portal.make_link(runtime(), caller().org, ref, by=by(), lasts=lasts)
    return {"url": url, "expires_at": time(ends)}


@routes.post("/hooks/<ref>/recover", scope="events:replay", body=Span, status=202,
             answer=OrderDocument)  # fmt: skip
def recover_hook(span: dict[str, datetime], ref: str) -> Document:
    """Sends everything that it did not get, failed or held, oldest first."""
    found(ref)
    return order(redeliver.recover(runtime(), caller().org, ref, by=by(), **span))


@routes.post("/hooks/<ref>/missing", scope="events:replay", body=LongAgo, status=202,
             answer=OrderDocument)  # fmt: skip
def missing_hook(span: Any, ref: str) -> Document:
    """Sends what happened before it was subscribed, by the rules of its filter."""
    found(ref)
    return order(redeliver.missing(runtime(), caller().org, ref, by=by(), **span))
