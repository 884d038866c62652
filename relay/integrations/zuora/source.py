"""Zuora's callouts: the tenant designs the body, so its fields are those of our template.

Zuora's knowledge center, "Callout template" and "Notification HTTP headers". The first request has
no credentials unless the template says otherwise; it is asked for them and not recorded.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from relay import forms, people
from relay.bodies import forms_in
from relay.core.errors import BadSignature, Unreadable
from relay.core.event import FACTS, MONEY, ParsedEvent
from relay.core.facts import cleaned
from relay.integration import Accepted, Answer, InboundRequest, Lookup, Source, SourceConfig
from relay.integrations.zuora import proof
from relay.integrations.zuora.facts import (
    amount,
    as_paid,
    facts_of,
    field,
    from_account,
    from_invoice,
)

Fields = Mapping[str, object]

PAID = "invoice.paid"
RECEIVED = "payment.received"

# What a template may call its event, beside our own types; spaces and case do not matter.
CATEGORIES: Mapping[str, str] = {
    "paymentprocessed": RECEIVED,
    "paymentdeclined": "payment.failed",
    "invoiceposted": "invoice.created",
    "invoicedue": "invoice.overdue",
    "subscriptioncreated": "subscription.started",
    "subscriptioncancelled": "subscription.cancelled",
}
OURS = frozenset(name for name, facts in FACTS.items() if facts == MONEY)


def verify(request: InboundRequest, config: SourceConfig) -> None:
    match proof.way(config):
        case "basic":
            proof.check_basic(request, config)
        case "hmac":
            header = proof.scheme_of(config).header
            given = request.headers.get(header, "")
            proof.check_hmac(_texts(request), request.body, given, config)
        case _:
            # The address is the proof.
            return


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    """One event; a payment that settles its invoice is two."""
    del config
    fields = _fields(request)
    name = _type(fields)
    if name not in OURS:
        return [ParsedEvent(type=name, body=fields)]
    event = ParsedEvent(
        type=name, data=facts_of(fields), body=fields, complete=_is_complete(name, fields)
    )
    if name != RECEIVED or amount(fields, "InvoiceBalance") != 0:
        return [event]
    return _both(event, _delivery(request))


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """`Zuora-Notification-Id` is the same in every retry; without it, the content."""
    del config
    return _delivery(request)


def subject(request: InboundRequest, config: SourceConfig) -> str | None:
    del config
    try:
        return people.email(field(_fields(request), "BillToEmail"))
    except Unreadable:
        return None


def handshake(request: InboundRequest, config: SourceConfig) -> Answer | None:
    """The first request, without credentials: it is asked for them, and it is no event."""
    try:
        asks = proof.way(config) == "basic"
    except BadSignature:
        asks = False
    if asks and "authorization" not in request.headers:
        return proof.refusal(config)
    return None


def accepted(request: InboundRequest, accepted: Accepted, config: SourceConfig) -> Answer:
    """A tenant may have Zuora look for `success` in the answer."""
    del request, accepted, config
    body = b'{"success": true}'
    return Answer(status=200, body=body, headers={"content-type": "application/json"})


def refused(request: InboundRequest, config: SourceConfig) -> Answer:
    del request
    return proof.refusal(config)


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    del config
    kept = {name: value for name, value in request.headers.items() if name != "authorization"}
    return replace(request, headers=kept)


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    del now
    match proof.way(config):
        case "basic":
            return proof.sign_basic(config)
        case "hmac":
            return proof.sign_hmac(_texts_of(_json(body)), body, config)
        case _:
            return {}


async def complete(event: ParsedEvent, lookup: Lookup) -> Sequence[ParsedEvent]:
    """The event with the account's address, and, for a payment, with its invoice; settled by it,
    the invoice is an event too."""
    fields = event.body if isinstance(event.body, Mapping) else {}
    data = dict(event.data)
    account = field(fields, "AccountNumber") or field(fields, "AccountId")
    if not data.get("customer_email") and account:
        data = _filled(data, from_account(await lookup.get(f"/v1/accounts/{_part(account)}")))
    whole = replace(event, data=data, complete=True)
    number = field(fields, "InvoiceNumber")
    if event.type != RECEIVED or number is None or field(fields, "InvoiceBalance") is not None:
        return [whole]
    invoice = await lookup.get(f"/v1/invoices/{_part(number)}")
    whole = replace(whole, data=_filled(data, from_invoice(invoice)))
    return _both(whole, whole.key or "") if amount(invoice, "balance") == 0 else [whole]


def _both(event: ParsedEvent, delivery: str) -> Sequence[ParsedEvent]:
    """The payment, and the invoice that it settles; each with a key of its own."""
    paid = replace(event, type=PAID, data=as_paid(event.data), key=f"{delivery}:{PAID}")
    return [replace(event, key=f"{delivery}:{RECEIVED}"), paid]


def _is_complete(name: str, fields: Fields) -> bool:
    has_account = field(fields, "AccountNumber") or field(fields, "AccountId")
    if people.email(field(fields, "BillToEmail")) is None and has_account:
        return False
    thin = field(fields, "InvoiceNumber") and field(fields, "InvoiceBalance") is None
    return not (name == RECEIVED and thin)


def _filled(data: Mapping[str, object], found: Mapping[str, object]) -> dict[str, object]:
    """What the callout said stands; what it left out is taken from what was found."""
    return {**data, **{name: value for name, value in found.items() if data.get(name) is None}}


def _type(fields: Fields) -> str:
    given = field(fields, "EventCategory")
    if given is None:
        return "zuora.callout"
    if given.lower() in OURS:
        return given.lower()
    plain = "".join(given.split()).lower()
    return CATEGORIES.get(plain) or f"zuora.{''.join(given.split())[:60]}"


def _delivery(request: InboundRequest) -> str:
    if given := request.headers.get("zuora-notification-id", "").strip():
        return given[:200]
    query = json.dumps(sorted(request.query.items())).encode()
    return hashlib.sha256(query + b"\n" + request.body).hexdigest()


def _fields(request: InboundRequest) -> dict[str, object]:
    """The body's fields and the query's: older definitions send parameters. Raises Unreadable."""
    found: dict[str, object] = {str(k): cleaned(v) for k, v in request.query.items()}
    if not request.body.strip():
        if not found:
            raise Unreadable("the callout is empty: give its template a body")
        return found
    sent = forms_in(request)
    if len(sent) != 1:
        raise Unreadable("the callout is a list: give its template one object")
    return {**found, **sent[0]}


def _texts(request: InboundRequest) -> Mapping[str, str]:
    try:
        return _texts_of(_fields(request))
    except Unreadable:
        return {}


def _texts_of(fields: Fields) -> Mapping[str, str]:
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _json(body: bytes) -> Fields:
    try:
        return forms.read("application/json", body)[0]
    except Unreadable:
        return {}


def _part(text: str) -> str:
    return quote(text, safe="")


SOURCE = Source(
    verify=verify,
    parse=parse,
    event_types=(PAID, *sorted(set(CATEGORIES.values()))),
    dedupe_key=dedupe_key,
    subject=subject,
    handshake=handshake,
    accepted=accepted,
    refused=refused,
    redact=redact,
    complete=complete,
    sign=sign,
    proof="basic; an HMAC or the address by choice",
    # A payment that settles an invoice is told twice: the invoice's is the one that counts.
    mapped=("invoice.paid", "invoice.overdue", "payment.failed"),
    methods=("GET", "PUT", "DELETE"),
    options=proof.OPTIONS,
)
