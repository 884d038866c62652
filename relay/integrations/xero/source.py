"""Xero's notifications: signed batches that name what changed, and nothing more.

developer.xero.com, "Configuring your server". The first requests, some of them signed wrongly on
purpose, hold no events: they are answered 200 or 401 like any other, empty and without a cookie.
"""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial

from relay import proofs
from relay.bodies import object_in
from relay.core import batch, instants
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_map, a_text
from relay.core.signing import HmacScheme
from relay.integration import InboundRequest, Source, SourceConfig
from relay.integrations.xero.complete import complete

# Of the raw body, under the webhook's key.
SCHEME = HmacScheme(header="x-xero-signature", encoding="base64")
DONE = {"create": "created", "update": "updated"}


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    """One event for each change; none for the intent to receive. Invoices are incomplete."""
    del config
    events = object_in(request).get("events")
    if not isinstance(events, list):
        raise Unreadable("the body has no list of events")
    return batch.each(events, _event, "xero")


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """A repeated delivery names the same changes; `entropy` and the sequence are its own."""
    try:
        keys = sorted(str(event.key) for event in parse(request, config))
    except Unreadable:
        return None
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:40] if keys else None


def _event(sent: object, index: int) -> ParsedEvent:
    event = a_map(sent)
    category = _required(event, "eventCategory", index).lower()
    operation = _required(event, "eventType", index).lower()
    tenant, id = _required(event, "tenantId", index), _required(event, "resourceId", index)
    when = a_text(event.get("eventDateUtc")) or ""
    return ParsedEvent(
        type=f"xero.{category[:60]}.{DONE.get(operation, operation)[:60]}",
        body=event,
        key=":".join((tenant, id, category, when))[:300],
        complete=category != "invoice",
        occurred_at=instants.iso(when),
    )


def _required(event: Mapping[str, object], name: str, index: int) -> str:
    text = a_text(event.get(name))
    if text is None:
        raise Unreadable(f"events[{index}].{name} is missing")
    return text[:200]


SOURCE = Source(
    verify=partial(proofs.verify, SCHEME),
    parse=parse,
    event_types=(
        "invoice.created",
        "invoice.sent",
        "invoice.paid",
        "payment.received",
        "xero.invoice.updated",
        "xero.contact.created",
        "xero.contact.updated",
        "xero.creditnote.created",
    ),
    dedupe_key=dedupe_key,
    complete=complete,
    sign=partial(proofs.sign, SCHEME),
    proof="an HMAC-SHA256 of the body",
    secret="pasted",  # noqa: S106 - who makes it, not what it is
)
