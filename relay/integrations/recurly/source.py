"""Recurly's notifications: signed JSON that only names a thing, and unsigned XML that tells it.

docs.recurly.com/recurly-subscriptions/docs/webhooks, …/charge-invoice-notifications,
…/payment-notifications, …/subscription-notifications.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from relay import people, proofs
from relay.bodies import object_in
from relay.core import basic, options
from relay.core.errors import BadSignature, Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_map, a_text
from relay.core.signing import HmacScheme
from relay.integration import Answer, InboundRequest, Source, SourceConfig
from relay.integrations.recurly import facts, xml
from relay.integrations.recurly.complete import complete

SCHEME = HmacScheme(
    header="recurly-signature",
    separator=",",
    timestamp="first",
    unit="ms",
    signed="{timestamp}.{body}",
)

Json = Mapping[str, object]
Facts = Callable[[Json], dict[str, object]]

EVENTS: Mapping[tuple[str, str], str] = {
    ("charge_invoice", "created"): "invoice.created",
    ("charge_invoice", "paid"): "invoice.paid",
    ("charge_invoice", "past_due"): "invoice.overdue",
    ("payment", "succeeded"): "payment.received",
    ("payment", "failed"): "payment.failed",
    ("subscription", "created"): "subscription.started",
    ("subscription", "canceled"): "subscription.cancelled",
}

XML_EVENTS: Mapping[str, tuple[str, Facts]] = {
    "new_charge_invoice_notification": ("invoice.created", facts.from_xml_invoice),
    "paid_charge_invoice_notification": ("invoice.paid", facts.from_xml_invoice),
    "past_due_charge_invoice_notification": ("invoice.overdue", facts.from_xml_invoice),
    "successful_payment_notification": ("payment.received", facts.from_xml_payment),
    "failed_payment_notification": ("payment.failed", facts.from_xml_payment),
    "new_subscription_notification": ("subscription.started", facts.from_xml_subscription),
    "canceled_subscription_notification": ("subscription.cancelled", facts.from_xml_subscription),
}

# What names the thing in an XML notification; its state tells its notifications apart.
_XML_IDS = (("transaction", "id"), ("invoice", "uuid"), ("subscription", "uuid"))

OPTIONS = {
    "format": "json (signed) or xml (which Recurly does not sign)",
    "auth": "xml: basic, where Recurly sends a user and password; the secret is user:password",
    "test": "yes: payments marked as tests count as payments (no)",
}


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """JSON: the signature, in seconds or milliseconds, any of several, five minutes both ways.
    XML is taken only where the source says so; its proof is the address, and Basic auth if set."""
    _check_options(config)
    if not _is_xml_source(config):
        proofs.verify(SCHEME, request, config)
    elif _wants_basic(config):
        basic.check(request.headers, config.secrets)


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    is_xml = _is_xml(request.body)
    return [_from_xml(request, config) if is_xml else _from_json(object_in(request))]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """JSON: site, object, event and its time (`id` is the object's). XML, which has no id: the
    root, the thing's id and its state."""
    del config
    try:
        if _is_xml(request.body):
            return _xml_key(*request.once(_xml))
        body = object_in(request)
    except Unreadable:
        return None
    parts = [a_text(body.get(name)) for name in ("site_id", "object_type", "id", "event_type",
                                                 "event_time")]  # fmt: skip
    return ":".join(part or "" for part in parts)[:300] if parts[2] else None


def subject(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    try:
        _, content = request.once(_xml) if _is_xml(request.body) else ("", {})
    except Unreadable:
        return None
    return people.email(a_text(a_map(content.get("account")).get("email")))


def refused(request: InboundRequest, config: SourceConfig) -> Answer:
    del request
    asks = _is_xml_source(config) and _wants_basic(config)
    return Answer(status=401, headers=basic.CHALLENGE if asks else {})


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    del config
    kept = {name: value for name, value in request.headers.items() if name != "authorization"}
    return replace(request, headers=kept)


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    if not _is_xml_source(config):
        return proofs.sign(SCHEME, body, config, now)
    if not _wants_basic(config):
        return {}
    return basic.header(config.secrets[0])


def _from_json(body: Json) -> ParsedEvent:
    kind, happened = a_text(body.get("object_type")), a_text(body.get("event_type"))
    if not kind or not happened:
        raise Unreadable("object_type or event_type is missing")
    name = EVENTS.get((kind, happened))
    if name and not a_text(body.get("id")):
        raise Unreadable("id is missing")
    return ParsedEvent(
        type=name or f"recurly.{kind[:60]}.{happened[:60]}",
        body=body,
        complete=name is None,
        occurred_at=facts.time(body.get("event_time")),
    )


def _from_xml(request: InboundRequest, config: SourceConfig) -> ParsedEvent:
    root, content = request.once(_xml)
    name, read = XML_EVENTS.get(root, (None, None))
    own_name = f"recurly.{root.removesuffix('_notification')[:60]}"
    if name is None or read is None or (_is_test(content) and not _tests_count(config)):
        return ParsedEvent(type=own_name, body=content)
    data = read(content)
    return ParsedEvent(
        type=name,
        data=data,
        body=content,
        complete=data["customer_email"] is not None or not _account_code(content),
        occurred_at=_xml_time(content),
    )


def _xml(request: InboundRequest) -> tuple[str, Json]:
    return xml.read(request.body)


def _account_code(content: Json) -> str | None:
    return a_text(a_map(content.get("account")).get("account_code"))


def _xml_time(content: Json) -> datetime | None:
    """The thing's own time; there is none of the notification."""
    transaction, invoice = a_map(content.get("transaction")), a_map(content.get("invoice"))
    return facts.time(transaction.get("date") or invoice.get("updated_at"))


def _xml_key(root: str, content: Json) -> str | None:
    for name, id in _XML_IDS:
        thing = a_map(content.get(name))
        if found := a_text(thing.get(id)):
            state = a_text(thing.get("status")) or a_text(thing.get("state")) or ""
            return f"{root}:{found}:{state}"[:300]
    return None


def _is_test(content: Json) -> bool:
    return a_text(a_map(content.get("transaction")).get("test")) == "true"


def _tests_count(config: SourceConfig) -> bool:
    return options.yes(config.options, "test", default=False)


def _is_xml(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def _is_xml_source(config: SourceConfig) -> bool:
    return options.text(config.options, "format", "json").lower() == "xml"


def _wants_basic(config: SourceConfig) -> bool:
    return options.text(config.options, "auth").lower() == "basic"


def _check_options(config: SourceConfig) -> None:
    """A typing error must not open the door."""
    for name, known in (("format", ("", "json", "xml")), ("auth", ("", "basic"))):
        if options.text(config.options, name).lower() not in known:
            raise BadSignature(f"this source's option {name} is none of {', '.join(known[1:])}")


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=tuple(sorted(set(EVENTS.values()))),
    dedupe_key=dedupe_key,
    subject=subject,
    refused=refused,
    redact=redact,
    complete=complete,
    sign=sign,
    proof="a timed HMAC-SHA256; XML: the address, basic by choice",
    # A payment that settles an invoice is told twice: the invoice's is the one that counts.
    mapped=("invoice.paid", "invoice.overdue", "payment.failed"),
    secret="pasted",  # noqa: S106 - who makes it, not what it is
    options=OPTIONS,
)
