"""Stripe's events: snapshots that hold the object as it was, and thin ones that only name it.

docs.stripe.com/webhooks, docs.stripe.com/event-destinations; the scheme as in stripe-python's
`_webhook.py`, but the clock is checked both ways.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from relay import proofs
from relay.bodies import object_in, object_or_none
from relay.core import instants, options
from relay.core.errors import NotFound, Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_map, a_text
from relay.core.signing import HmacScheme
from relay.integration import InboundRequest, Lookup, Source, SourceConfig
from relay.integrations.stripe import facts
from relay.integrations.stripe.facts import Facts, Json

# Any `v1` under any live secret, five minutes both ways; `v0` never.
SCHEME = HmacScheme(
    header="stripe-signature",
    prefix="v1=",
    separator=",",
    timestamp="part:t=",
    signed="{timestamp}.{body}",
)

# `invoice.payment_succeeded` comes with each `invoice.paid`, and a charge with both: one of them
# is enough.
EVENTS: Mapping[str, tuple[str, Facts]] = {
    "invoice.finalized": ("invoice.created", facts.from_invoice),
    "invoice.sent": ("invoice.sent", facts.from_invoice),
    "invoice.paid": ("invoice.paid", facts.from_invoice),
    "invoice.overdue": ("invoice.overdue", facts.from_invoice),
    "invoice.payment_failed": ("payment.failed", facts.from_failed_invoice),
    "checkout.session.completed": ("payment.received", facts.from_checkout),
    "checkout.session.async_payment_succeeded": ("payment.received", facts.from_checkout),
    "customer.subscription.created": ("subscription.started", facts.from_subscription),
    "customer.subscription.deleted": ("subscription.cancelled", facts.from_subscription),
}

OPTIONS = {"test": "no: events of test mode are kept and change nothing (yes)"}

# A thin event names its object's address; a call goes nowhere else, for our key goes with it.
_OBJECT = re.compile(r"/v[12](/[A-Za-z0-9_]+)+")


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    body = object_in(request)
    sent = a_text(body.get("type"))
    if sent is None:
        raise Unreadable("type is missing")
    name, read = EVENTS.get(_plain(sent), (None, None))
    own = ParsedEvent(type=f"stripe.{sent[:80]}", body=body, occurred_at=_time(body))
    if name is None or read is None or _is_unwanted(body, config):
        return [own]
    if body.get("object") == "v2.core.event":
        return [replace(own, type=name, complete=_object_path(body) is None)]
    thing = a_map(a_map(body.get("data")).get("object"))
    if not thing:
        raise Unreadable("data.object is missing")
    if not _is_paid(name, thing):
        return [own]
    data = read(thing)
    thin = data.get("customer_email") is None and a_text(thing.get("customer")) is not None
    return [replace(own, type=name, data=data, complete=not thin)]


async def complete(event: ParsedEvent, lookup: Lookup) -> Sequence[ParsedEvent]:
    """The object of a thin event, and the customer where the object does not say who it is."""
    body = a_map(event.body)
    path, sent = _object_path(body), a_text(body.get("type")) or ""
    thing = a_map(a_map(body.get("data")).get("object"))
    own = replace(event, type=f"stripe.{sent[:80]}", data={}, complete=True)
    if not thing and path:
        thing = await _found(path, lookup)
    name, read = EVENTS.get(_plain(sent), (None, None))
    if name is None or read is None or not thing or not _is_paid(name, thing):
        return [own]
    data = read(thing)
    customer = a_text(thing.get("customer"))
    if data.get("customer_email") is None and customer and customer.isidentifier():
        who = facts.from_customer(await _found(f"/v1/customers/{customer}", lookup))
        data |= {key: value for key, value in who.items() if data.get(key) is None}
    return [replace(event, type=name, data=data, body={**body, "object": thing}, complete=True)]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    return (a_text(object_or_none(request).get("id")) or "")[:200] or None


def subject(request: InboundRequest, config: SourceConfig) -> str | None:
    try:
        (event,) = parse(request, config)
    except Unreadable:
        return None
    return a_text(event.data.get("customer_email"))


def _plain(sent: str) -> str:
    """Thin events of the older API's objects are called `v1.` and the older name."""
    return sent.removeprefix("v1.")


def _time(body: Json) -> datetime | None:
    """Seconds in a snapshot, ISO 8601 in a thin event."""
    created = body.get("created")
    return instants.iso(created) if isinstance(created, str) else instants.at(created)


def _is_unwanted(body: Json, config: SourceConfig) -> bool:
    tests_count = options.yes(config.options, "test", default=True)
    return body.get("livemode") is False and not tests_count


def _is_paid(name: str, thing: Json) -> bool:
    """A checkout that is not paid yet is no payment, and one that starts a subscription is paid
    by that subscription's own invoice."""
    if name != "payment.received":
        return True
    return thing.get("payment_status") == "paid" and thing.get("mode") in (None, "payment")


def _object_path(body: Json) -> str | None:
    address = a_text(a_map(body.get("related_object")).get("url")) or ""
    return address if _OBJECT.fullmatch(address) else None


async def _found(path: str, lookup: Lookup) -> Json:
    try:
        return await lookup.get(path)
    except NotFound:
        return {}


SOURCE = Source(
    verify=partial(proofs.verify, SCHEME),
    parse=parse,
    event_types=tuple(sorted({name for name, _ in EVENTS.values()})),
    dedupe_key=dedupe_key,
    subject=subject,
    complete=complete,
    sign=partial(proofs.sign, SCHEME),
    proof="a timed HMAC-SHA256",
    secret="pasted",  # noqa: S106 - who makes it, not what it is
    options=OPTIONS,
)
