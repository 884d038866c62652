"""Webflow webhooks: signed JSON for each form that is sent; unsigned when made in its dashboard.

developers.webflow.com/reference/webhooks and …/data/changelog/webhook-signatures.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from relay import proofs
from relay.bodies import object_in, object_or_none
from relay.core import options
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_list, a_map, a_text
from relay.core.signing import HmacScheme
from relay.integration import InboundRequest, Source, SourceConfig
from relay.submission import OPTIONS, SUBMITTED, key_of, moment, probed, subject_of, submitted

SCHEME = HmacScheme(
    header="x-webflow-signature",
    timestamp="header:x-webflow-timestamp",
    unit="ms",
    signed="{timestamp}:{body}",
)
TRIGGER = "form_submission"
_FACTS = {"Email": "email", "Phone": "phone"}


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """The signature of time and body, five minutes both ways; nothing where the source says that
    its webhook was made in Webflow's dashboard, which signs none."""
    if not options.yes(config.options, "unsigned", default=False):
        proofs.verify(SCHEME, request, config)


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    """A form is `form.submitted`; another trigger keeps Webflow's own name."""
    body = object_in(request)
    trigger = a_text(body.get("triggerType"))
    payload = a_map(body.get("payload"))
    at = moment(payload.get("submittedAt"))
    if trigger is None:
        raise Unreadable("triggerType is missing")
    if trigger != TRIGGER:
        return [ParsedEvent(type=f"webflow.{trigger[:60]}", body=body, occurred_at=at)]
    fields = payload.get("data")
    if not isinstance(fields, Mapping):
        raise Unreadable("payload.data is missing")
    found = _typed(fields, payload)
    return [submitted(fields, config, body=body, found=found, occurred_at=at)]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    return key_of("submission", a_map(object_or_none(request).get("payload")).get("id"))


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    if options.yes(config.options, "unsigned", default=False):
        return {}
    return proofs.sign(SCHEME, body, config, now)


def _typed(fields: Mapping[str, object], payload: Mapping[str, object]) -> dict[str, str | None]:
    """What the form's own types say: the first field of type Email, of type Phone."""
    found: dict[str, str | None] = {}
    for one in map(a_map, a_list(payload.get("schema"))):
        fact = _FACTS.get(a_text(one.get("fieldType")) or "")
        value = a_text(fields.get(a_text(one.get("fieldName")) or ""))
        if fact and value:
            found.setdefault(fact, value)
    return found


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=(SUBMITTED,),
    dedupe_key=dedupe_key,
    handshake=probed,
    subject=subject_of(parse),
    sign=sign,
    secret="pasted",  # noqa: S106 - who makes it
    proof="a timed HMAC-SHA256; the address alone by choice",
    options={
        "unsigned": "yes: the webhook was made in Webflow's dashboard, which signs nothing (no)",
        **OPTIONS,
    },
)
