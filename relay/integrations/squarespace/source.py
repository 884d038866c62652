"""Squarespace's Webhook Subscriptions: signed notifications of a site, by topic.

developers.squarespace.com/webhooks/overview and …/webhooks/verifying-notifications. The secret is
the hex of the key. There is no topic for forms; what there is keeps Squarespace's own names.
"""

from collections.abc import Sequence
from functools import partial

from relay import proofs
from relay.bodies import object_in, object_or_none
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_text
from relay.core.signing import HmacScheme
from relay.integration import InboundRequest, Source, SourceConfig
from relay.submission import key_of, moment, probed

# Of the body, in hex; there is no time.
SCHEME = HmacScheme(header="squarespace-signature", key="hex")


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    del config
    body = object_in(request)
    topic = a_text(body.get("topic"))
    if topic is None:
        raise Unreadable("topic is missing")
    at = moment(body.get("createdOn"))
    return [ParsedEvent(type=f"squarespace.{topic[:60]}", body=body, occurred_at=at)]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    return key_of("notification", object_or_none(request).get("id"))


SOURCE = Source(
    verify=partial(proofs.verify, SCHEME),
    parse=parse,
    event_types=(
        "squarespace.order.create",
        "squarespace.order.update",
        "squarespace.extension.uninstall",
    ),
    dedupe_key=dedupe_key,
    handshake=probed,
    sign=partial(proofs.sign, SCHEME),
    secret="pasted",  # noqa: S106 - who makes it
    proof="an HMAC-SHA256 of the body",
)
