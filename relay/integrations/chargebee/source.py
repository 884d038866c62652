"""Chargebee's events: not signed; Basic auth, and, by choice, asked back for at its API.

apidocs.chargebee.com, "Events"; chargebee.com/docs, "Webhook settings".
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from relay.bodies import object_in, object_or_none
from relay.core import basic, instants, options
from relay.core.errors import BadSignature, NotFound, Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_map, a_text
from relay.integration import Answer, InboundRequest, Lookup, Source, SourceConfig
from relay.integrations.chargebee import facts
from relay.integrations.chargebee.facts import Facts, Json

USER = "relay"

EVENTS: Mapping[str, tuple[str, Facts]] = {
    "invoice_generated": ("invoice.created", facts.from_invoice),
    "payment_succeeded": ("payment.received", facts.from_payment),
    "payment_failed": ("payment.failed", facts.from_failure),
    "subscription_created": ("subscription.started", facts.from_subscription),
    "subscription_cancelled": ("subscription.cancelled", facts.from_subscription),
}

OPTIONS = {
    "auth": "basic (user relay, the secret as password), or token (the address alone)",
    "confirm": "yes: each event is asked back for at Chargebee before it counts (no)",
}


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """Basic auth unless the source says that its address is the proof."""
    if _way(config) == "basic":
        pairs = [basic.pair_of(secret, USER) for secret in config.secrets]
        basic.check(request.headers, pairs)


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    body = object_in(request)
    sent, id = a_text(body.get("event_type")), a_text(body.get("id"))
    if sent is None or id is None:
        raise Unreadable("event_type or id is missing")
    event = read_event(body, sent)
    if event.type.startswith("chargebee."):
        return [event]
    if options.yes(config.options, "confirm", default=False):
        # What came is not believed: nothing of it is taken but which event to ask for.
        return [replace(event, data={}, complete=False)]
    return [replace(event, complete=_customer_id(body) is None or _has_email(event))]


def read_event(body: Json, sent: str) -> ParsedEvent:
    """The event as its body tells it. A payment that settles its invoice is that invoice paid."""
    own = ParsedEvent(
        type=f"chargebee.{sent[:80]}", body=body, occurred_at=instants.at(body.get("occurred_at"))
    )
    name, read = EVENTS.get(sent, (None, None))
    if name is None or read is None:
        return own
    content = a_map(body.get("content"))
    if name == "payment.received" and a_map(content.get("invoice")).get("status") == "paid":
        name = "invoice.paid"
    return replace(own, type=name, data=read(content))


async def complete(event: ParsedEvent, lookup: Lookup) -> Sequence[ParsedEvent]:
    """The event as Chargebee's own API has it, with the customer's address."""
    told = a_map(event.body)
    sent, id = a_text(told.get("event_type")) or "", a_text(told.get("id")) or ""
    try:
        found = await lookup.get(f"/api/v2/events/{quote(id, safe='')}")
    except NotFound:
        # Its sender is not Chargebee, or another site than the connection's.
        return [replace(event, type=f"chargebee.unconfirmed.{sent[:60]}", data={}, complete=True)]
    body = a_map(found.get("event"))
    whole = replace(read_event(body, a_text(body.get("event_type")) or sent), key=event.key)
    customer = _customer_id(body)
    if whole.type.startswith("chargebee.") or _has_email(whole) or customer is None:
        return [whole]
    try:
        answer = await lookup.get(f"/api/v2/customers/{quote(customer, safe='')}")
    except NotFound:
        return [whole]
    who = facts.customer(a_map(answer.get("customer")))
    return [replace(whole, data={**whole.data, **{k: v for k, v in who.items() if v}})]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    return (a_text(object_or_none(request).get("id")) or "")[:200] or None


def subject(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    content = a_map(object_or_none(request).get("content"))
    return a_text(facts.customer(a_map(content.get("customer")))["customer_email"])


def refused(request: InboundRequest, config: SourceConfig) -> Answer:
    del request
    return Answer(status=401, headers=basic.CHALLENGE if _asks(config) else {})


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    del config
    kept = {name: value for name, value in request.headers.items() if name != "authorization"}
    return replace(request, headers=kept)


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    del body, now
    return basic.header(basic.pair_of(config.secrets[0], USER)) if _asks(config) else {}


def _way(config: SourceConfig) -> str:
    """Raises BadSignature for one that does not exist: a typing error must not open the door."""
    name = options.text(config.options, "auth", "basic").lower()
    if name not in ("basic", "token"):
        raise BadSignature(f"this source's option auth {name!r} is neither basic nor token")
    return name


def _asks(config: SourceConfig) -> bool:
    return options.text(config.options, "auth", "basic").lower() == "basic"


def _customer_id(body: Json) -> str | None:
    content = a_map(body.get("content"))
    return next(
        (
            found
            for name, key in (("customer", "id"), ("invoice", "customer_id"),
                              ("subscription", "customer_id"))
            if (found := a_text(a_map(content.get(name)).get(key)))
        ),
        None,
    )  # fmt: skip


def _has_email(event: ParsedEvent) -> bool:
    return event.data.get("customer_email") is not None


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=("invoice.paid", *sorted({name for name, _ in EVENTS.values()})),
    dedupe_key=dedupe_key,
    subject=subject,
    refused=refused,
    redact=redact,
    complete=complete,
    sign=sign,
    proof="basic, or the address; by choice asked back for",
    options=OPTIONS,
)
