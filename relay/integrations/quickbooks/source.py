"""QuickBooks Online webhooks: signed, thin, in batches, in two formats.

developer.intuit.com, "Webhooks": answer within three seconds; an event that is not acknowledged
holds back all later ones of the app, so everything that is authentic is taken.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from operator import itemgetter

from relay import proofs
from relay.bodies import json_in
from relay.core import batch
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.signing import HmacScheme
from relay.integration import InboundRequest, Source, SourceConfig
from relay.integrations.quickbooks.changes import Told, read, told_in
from relay.integrations.quickbooks.complete import COMPLETED, complete

# Of the raw body, under the app's verifier token.
SCHEME = HmacScheme(header="intuit-signature", encoding="base64")


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    """One event for each change; those that facts can be fetched for are incomplete."""
    del config
    return batch.each(told_in(json_in(request)), _event, "quickbooks", sent=itemgetter(1))


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """A repeated delivery names the same changes; there is no id of its own."""
    try:
        keys = sorted(str(event.key) for event in parse(request, config))
    except Unreadable:
        return None
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:40] if keys else None


def _event(told: Told, index: int) -> ParsedEvent:
    del index
    change = read(told)
    return ParsedEvent(
        type=change.type,
        body=change.body,
        key=change.key,
        complete=(change.entity, change.operation) not in COMPLETED,
        occurred_at=change.at,
    )


SOURCE = Source(
    verify=partial(proofs.verify, SCHEME),
    parse=parse,
    event_types=(
        "invoice.created",
        "invoice.sent",
        "invoice.paid",
        "payment.received",
        "quickbooks.payment.deleted",
        "quickbooks.invoice.updated",
        "quickbooks.invoice.voided",
        "quickbooks.customer.created",
        "quickbooks.customer.updated",
        "quickbooks.estimate.updated",
        "quickbooks.salesreceipt.created",
    ),
    dedupe_key=dedupe_key,
    complete=complete,
    sign=partial(proofs.sign, SCHEME),
    proof="an HMAC-SHA256 of the body",
    secret="pasted",  # noqa: S106 - where the secret comes from
)
