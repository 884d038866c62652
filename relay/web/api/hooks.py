"""Hooks: anybody's URL, told of events as they happen. The convention is that of REST hooks, as
Zapier's platform expects it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Response, jsonify, request
from marshmallow import EXCLUDE, INCLUDE, Schema, fields, pre_load, validate

from relay.core import hook as hooks
from relay.core.errors import InvalidInput, NotAllowed, NotFound
from relay.core.hook import Hook
from relay.core.ids import number, public
from relay.crm.embedded.schema import schema as lists
from relay.pipeline import portal, redeliver, subscribe, trial
from relay.pipeline.catalogue import types_of
from relay.pipeline.hook_documents import event_type, hook, order
from relay.pipeline.plain import time
from relay.pipeline.samplings import samples
from relay.storage import hook_health
from relay.storage import hooks as stored
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
from relay.web.v2.site import may_see

_TIME = {"format": "date-time"}
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
    max_in_flight = fields.Integer()
    timeout = fields.Float()
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
    max_in_flight = fields.Integer(load_default=5)
    timeout = fields.Float(load_default=15.0)
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
    """What is to be set. `condition` of null takes it away."""

    target_url = fields.String(attribute="url", data_key="target_url")
    condition = fields.String(allow_none=True)
    headers = fields.Dict(keys=fields.String(), values=fields.String())
    schedule = fields.Raw(allow_none=True)
    max_per_second = fields.Float(allow_none=True)
    max_in_flight = fields.Integer()
    timeout = fields.Float()
    ordering = fields.String()
    on_exhausted = fields.String()


class HookRotation(Schema):
    """How long the old secret signs beside the new one, and with what the new one signs."""

    overlap_seconds = fields.Float(load_default=hooks.OVERLAP.total_seconds())
    scheme = fields.String(validate=validate.OneOf(subscribe.SCHEMES))


class Gone(Schema):
    """The hook is not there any more, whether or not it was."""

    id = fields.String(required=True)
    deleted = fields.Boolean(required=True)


class Unsubscription(Schema):
    """The address that is to be told no more, under any of its names."""

    class Meta:
        unknown = INCLUDE


class EventTypeDocument(Schema):
    """A type of event: its JSON Schema and an example, both of the flat form."""

    type = fields.String(required=True)
    about = fields.String()
    origin = fields.String(validate=validate.OneOf(("relay", "rule")))
    schema = fields.Dict()
    example = fields.Dict()


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


routes = Resource("hooks", "URLs that are told of events as they happen: REST hooks.")


@routes.get("/hooks", scope="hooks", answer=page_of(HookDocument))
def list_hooks() -> Document:
    """Every hook that the key may see, with how it fares."""
    found = read(lambda conn: stored.all_hooks(conn, runtime().vault, caller().org))
    return whole(_told(one) for one in found if _visible(one))


@routes.post("/hooks", scope="hooks", body=NewHook, status=201, answer=MadeHook)
def create_hook(new: Document) -> Any:
    """Subscribes a URL. The same address, event and filter again is the same hook, answered 200
    without its secret."""
    chosen = new.pop("filter")
    _may_hear(new["event"], chosen.get("list_id"))
    asked = subscribe.NewHook(url=new.pop("target_url"), **chosen, **new)
    made = subscribe.subscribe(runtime(), caller().org, asked, by=by(), is_rest=True)
    if not made.is_new:
        return _told(made.hook), 200
    return _told(made.hook) | {"secret": made.secret}


@routes.delete("/hooks", scope="hooks", status=200, answer=Gone)
def delete_by_url() -> Document:
    """Unsubscribes an address: `{"target_url": …}`. For integrations that kept no id."""
    sent = request.get_json(silent=True)
    sent = sent if isinstance(sent, Mapping) else {}
    url = next((sent[name] for name in ALIASES if sent.get(name)), None)
    if not isinstance(url, str):
        raise InvalidInput("which hook? DELETE /api/v1/hooks/<id>, or send target_url")
    found = [one for one in subscribe.with_url(runtime(), caller().org, url) if _visible(one)]
    for one in found:
        subscribe.unsubscribe(runtime(), caller().org, public("hook", one.id), by=by())
    return {"id": public("hook", found[0].id) if found else url, "deleted": True}


@routes.get("/hooks/events", scope="hooks", answer=page_of(EventTypeDocument))
def list_event_types() -> Document:
    """Every type of event there is here, with its JSON Schema and an example."""
    setup = read(lambda conn: runtime().setups.of(conn, caller().org))
    return whole(map(event_type, types_of(setup).values()))


@routes.get("/hooks/samples", scope="hooks", query=SampleQuery, answer=Sample(many=True))
def list_samples(query: Document) -> Response:
    """A bare array of up to three recent records in exactly the delivered shape, newest first."""
    _may_hear(query["event"], query.get("list_id"))
    found = samples(runtime(), caller().org, query["event"], list_id=query.get("list_id"))
    return jsonify(found)


@routes.get("/hooks/<ref>", scope="hooks", answer=HookDocument)
def one_hook(ref: str) -> Document:
    """One hook."""
    return _told(_found(ref))


@routes.patch("/hooks/<ref>", scope="hooks", body=HookChange, answer=HookDocument)
def change_hook(given: Document, ref: str) -> Document:
    """Sets its address, condition, headers, schedule or limits."""
    _found(ref)
    return _told(subscribe.change(runtime(), caller().org, ref, given, by=by()))


@routes.delete("/hooks/<ref>", scope="hooks", status=200, answer=Gone)
def delete_hook(ref: str) -> Document:
    """Unsubscribes. Answered the same when it is gone already, so that it can be asked twice."""
    try:
        _found(ref)
    except NotFound:
        return {"id": ref, "deleted": True}
    subscribe.unsubscribe(runtime(), caller().org, ref, by=by())
    return {"id": ref, "deleted": True}


@routes.post("/hooks/<ref>/test", scope="hooks", answer=Tried)
def try_hook(ref: str) -> Document:
    """Sends a signed sample now, and shows what came back."""
    _found(ref)
    return trial.send_sample(runtime(), caller().org, ref, by=by())


@routes.post("/hooks/<ref>/pause", scope="hooks", answer=HookDocument)
def pause_hook(ref: str) -> Document:
    """What it would have been told is held until it goes on."""
    _found(ref)
    return _told(subscribe.set_state(runtime(), caller().org, ref, "paused", by=by()))


@routes.post("/hooks/<ref>/enable", scope="hooks", answer=HookDocument)
def enable_hook(ref: str) -> Document:
    """It is told again of what happens from now on; what was held is sent by `recover`."""
    _found(ref)
    return _told(subscribe.set_state(runtime(), caller().org, ref, "active", by=by()))


@routes.post("/hooks/<ref>/rotate", scope="hooks", body=HookRotation, answer=MadeHook)
def rotate_hook(given: Document, ref: str) -> Document:
    """A new secret, shown this once; the old one signs beside it for a while."""
    _found(ref)
    overlap = timedelta(seconds=given["overlap_seconds"])
    row, secret = subscribe.rotate(
        runtime(), caller().org, ref, by=by(), overlap=overlap, scheme=given.get("scheme")
    )
    return _told(row) | {"secret": secret}


@routes.post("/hooks/<ref>/portal", scope="hooks", body=LinkWanted, status=201, answer=Link)
def link_hook(wanted: Document, ref: str) -> Document:
    """A link for the subscriber: its deliveries, one more try, a new secret, how to verify."""
    _found(ref)
    lasts = timedelta(seconds=wanted["seconds"])
    url, ends = portal.make_link(runtime(), caller().org, ref, by=by(), lasts=lasts)
    return {"url": url, "expires_at": time(ends)}


@routes.post("/hooks/<ref>/recover", scope="events:replay", body=Span, status=202,
             answer=OrderDocument)  # fmt: skip
def recover_hook(span: dict[str, datetime], ref: str) -> Document:
    """Sends everything that it did not get, failed or held, oldest first."""
    _found(ref)
    return order(redeliver.recover(runtime(), caller().org, ref, by=by(), **span))


@routes.post("/hooks/<ref>/missing", scope="events:replay", body=LongAgo, status=202,
             answer=OrderDocument)  # fmt: skip
def missing_hook(span: Any, ref: str) -> Document:
    """Sends what happened before it was subscribed, by the rules of its filter."""
    _found(ref)
    return order(redeliver.missing(runtime(), caller().org, ref, by=by(), **span))


@routes.get("/hooks/<ref>/messages/<event>", scope="hooks", answer=Sample)
def one_message(ref: str, event: str) -> Response:
    """What it is told of an event, whole: for a message that was too large to send."""
    _found(ref)
    return jsonify(redeliver.message(runtime(), caller().org, ref, number("evt", event)))


def _found(ref: str) -> Hook:
    """Raises NotFound, also for a hook about lists that the key may not see."""
    found = read(lambda conn: subscribe.hook_called(runtime(), conn, caller().org, ref))
    if not _visible(found):
        raise NotFound(f"there is no hook {ref!r} here")
    return found


def _told(one: Hook) -> Document:
    health = read(lambda conn: hook_health.healths(conn, [one.id]))
    return hook(one, health.get(one.id), runtime().clock.now())


def _visible(one: Hook) -> bool:
    if caller().lists is None:
        return True
    return one.list_id is not None and one.list_id in _lists()


def _lists() -> set[str]:
    known = read(lambda conn: lists(conn, caller().org)).lists
    return {one.id for one in known if may_see(caller(), one)}


def _may_hear(event: str, list_id: str | None) -> None:
    """A key that is kept to some lists hears of their items alone. Raises NotAllowed."""
    if caller().lists is None:
        return
    called = None if not list_id else read(lambda c: lists(c, caller().org).called(list_id)).id
    if not event.startswith("list_item.") or called not in _lists():
        raise NotAllowed(
            "this key is kept to some lists: it hears of list_item events of one of them"
        )
