"""Hooks: anybody's URL, told of events as they happen. The convention is that of REST hooks, as
Zapier's platform expects it."""

from collections.abc import Mapping
from typing import Any

from flask import request
from marshmallow import EXCLUDE, INCLUDE, Schema, fields, pre_load, validate

from relay.core import hook as hooks
from relay.core.errors import InvalidInput, NotFound
from relay.core.ids import public
from relay.pipeline import subscribe
from relay.storage import hooks as stored
from relay.web.api.hook_site import found, may_hear, told, visible
from relay.web.api.resource import Resource
from relay.web.api.site import Document, by, caller, page_of, read, runtime, whole

_TIME = {"format": "date-time"}
_IN_FLIGHT = {
    "description": "Messages on their way to it at once, over all workers, 1 to 500. null: 5 in"
    " each process of a worker.",
    "example": 10,
}
# What integrations call the address; the first is ours.
ALIASES = ("target_url", "url", "hookUrl", "targetUrl", "subscription_url")
_FILTERS = ("list_id", "account_id", "condition")


class HookFilter(Schema):
    """What it hears of: a list or an account, and a condition in CEL over the event's facts."""

    list_id = fields.String(allow_none=True)
    account_id = fields.String(allow_none=True)
    condition = fields.String(allow_none=True, metadata={"example": 'event.to == "Deal Won"'})


class HookDocument(Schema):
    """Somebody's URL, and what it is told. What signs is shown when it is made and rotated."""

    id = fields.String(required=True, metadata={"example": "hook_3"})
    target_url = fields.String()
    event = fields.String()
    filter = fields.Dict(keys=fields.String())
    format = fields.String(validate=validate.OneOf(hooks.FORMATS))
    ordering = fields.String(validate=validate.OneOf(hooks.ORDERINGS))
    on_exhausted = fields.String(validate=validate.OneOf(hooks.ON_EXHAUSTED))
    schedule = fields.Raw(allow_none=True)
    max_per_second = fields.Float(allow_none=True)
    max_in_flight = fields.Integer(allow_none=True, metadata=_IN_FLIGHT)
    timeout = fields.Float()
    handshake = fields.String(validate=validate.OneOf(hooks.HANDSHAKES))
    headers = fields.List(fields.String())
    scheme = fields.String(validate=validate.OneOf(subscribe.SCHEMES))
    secrets = fields.Integer()
    state = fields.String(validate=validate.OneOf(hooks.STATES))
    reason = fields.String(allow_none=True)
    made_by = fields.String()
    created_at = fields.String(allow_none=True, metadata=_TIME)
    health = fields.Dict(keys=fields.String(), allow_none=True)


class NewHook(Schema):
    """`target_url` may also be called url, hookUrl, targetUrl or subscription_url."""

    class Meta:
        # Integrations send fields of their own with the subscription.
        unknown = EXCLUDE

    target_url = fields.String(required=True)
    event = fields.String(required=True, metadata={"example": "list_item.updated"})
    filter = fields.Nested(HookFilter, load_default=dict, unknown=EXCLUDE)
    format = fields.String(load_default="flat", validate=validate.OneOf(hooks.FORMATS))
    ordering = fields.String(load_default="none", validate=validate.OneOf(hooks.ORDERINGS))
    on_exhausted = fields.String(load_default="skip", validate=validate.OneOf(hooks.ON_EXHAUSTED))
    schedule = fields.Raw(load_default=None, metadata={"example": [5, 60, 600]})
    max_per_second = fields.Float(load_default=None, allow_none=True)
    max_in_flight = fields.Integer(load_default=None, allow_none=True, metadata=_IN_FLIGHT)
    timeout = fields.Float(load_default=15.0)
    handshake = fields.String(load_default="none", validate=validate.OneOf(hooks.HANDSHAKES))
    headers = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    scheme = fields.String(load_default="hmac", validate=validate.OneOf(subscribe.SCHEMES))

    @pre_load
    def _named(self, sent: Any, **_: object) -> Any:
        """The address under any of its names, and filters that stand beside it."""
        if not isinstance(sent, Mapping):
            return sent
        made = dict(sent)
        for name in ALIASES:
            if name in made:
                made.setdefault("target_url", made.pop(name))
        beside = {name: made.pop(name) for name in _FILTERS if name in made}
        inner = made.get("filter") or {}
        if isinstance(inner, Mapping):
            made["filter"] = beside | dict(inner)
        return made


class MadeHook(HookDocument):
    """A hook; `secret` verifies its signatures and is there this once."""

    secret = fields.String()


class HookChange(Schema):
    """What is to be set. null takes a condition, a schedule or a limit away."""

    target_url = fields.String(attribute="url", data_key="target_url")
    condition = fields.String(allow_none=True)
    headers = fields.Dict(keys=fields.String(), values=fields.String())
    schedule = fields.Raw(allow_none=True)
    max_per_second = fields.Float(allow_none=True)
    max_in_flight = fields.Integer(allow_none=True, metadata=_IN_FLIGHT)
    timeout = fields.Float()
    ordering = fields.String()
    on_exhausted = fields.String()


class Gone(Schema):
    """The hook is not there any more, whether or not it was."""

    id = fields.String(required=True)
    deleted = fields.Boolean(required=True)


class Unsubscription(Schema):
    """The address that is to be told no more, under any of its names."""

    class Meta:
        unknown = INCLUDE


routes = Resource("hooks", "URLs that are told of events as they happen: REST hooks.")


@routes.get("/hooks", scope="hooks", answer=page_of(HookDocument))
def list_hooks() -> Document:
    """Every hook that the key may see, with how it fares."""
    mine = read(lambda conn: stored.all_hooks(conn, runtime().vault, caller().org))
    return whole(told(one) for one in mine if visible(one))


@routes.post("/hooks", scope="hooks", body=NewHook, status=201, answer=MadeHook)
def create_hook(new: Document) -> Any:
    """Subscribes a URL. The same address, event and filter again is the same hook, answered 200
    without its secret."""
    chosen = new.pop("filter")
    may_hear(new["event"], chosen.get("list_id"))
    asked = subscribe.NewHook(url=new.pop("target_url"), **chosen, **new)
    made = subscribe.subscribe(runtime(), caller().org, asked, by=by(), is_rest=True)
    if not made.is_new:
        return told(made.hook), 200
    return told(made.hook) | {"secret": made.secret}


@routes.delete("/hooks", scope="hooks", status=200, answer=Gone)
def delete_by_url() -> Document:
    """Unsubscribes an address: `{"target_url": …}`. For integrations that kept no id."""
    sent = request.get_json(silent=True)
    sent = sent if isinstance(sent, Mapping) else {}
    url = next((sent[name] for name in ALIASES if sent.get(name)), None)
    if not isinstance(url, str):
        raise InvalidInput("which hook? DELETE /api/v1/hooks/<id>, or send target_url")
    mine = [one for one in subscribe.with_url(runtime(), caller().org, url) if visible(one)]
    for one in mine:
        subscribe.unsubscribe(runtime(), caller().org, public("hook", one.id), by=by())
    return {"id": public("hook", mine[0].id) if mine else url, "deleted": True}


@routes.get("/hooks/<ref>", scope="hooks", answer=HookDocument)
def one_hook(ref: str) -> Document:
    """One hook."""
    return told(found(ref))


@routes.patch("/hooks/<ref>", scope="hooks", body=HookChange, answer=HookDocument)
def change_hook(given: Document, ref: str) -> Document:
    """Sets its address, condition, headers, schedule or limits."""
    found(ref)
    return told(subscribe.change(runtime(), caller().org, ref, given, by=by()))


@routes.delete("/hooks/<ref>", scope="hooks", status=200, answer=Gone)
def delete_hook(ref: str) -> Document:
    """Unsubscribes. Answered the same when it is gone already, so that it can be asked twice."""
    try:
        found(ref)
    except NotFound:
        return {"id": ref, "deleted": True}
    subscribe.unsubscribe(runtime(), caller().org, ref, by=by())
    return {"id": ref, "deleted": True}
