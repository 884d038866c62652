"""Any sender's webhook: what it proves is `proof.py`'s; here it is read, named and told apart."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from relay import forms, people, standard_webhooks
from relay.bodies import forms_in, json_in
from relay.core import exact_json, options
from relay.core.errors import Unreadable
from relay.core.event import FACTS, ParsedEvent
from relay.core.facts import a_map, a_text, at_path, cleaned, find_person, flattened
from relay.integration import Accepted, Answer, InboundRequest, Source, SourceConfig
from relay.integrations.webhook import challenge, proof

RECEIVED = "webhook.received"
CLOUD_EVENT = "application/cloudevents+json"
LONGEST_KEY = 200

# The ids that well-known senders put on each delivery and keep on its repeats.
ID_HEADERS = ("webhook-id", "svix-id", "x-github-delivery", "x-shopify-event-id")
# Those of the types that people have.
_PEOPLE = ("form.submitted", "card.scanned", "person.enriched")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,99}")
# What a credential can look like in a stored header.
_CREDENTIALS = ("authorization", "cookie")

OPTIONS = {
    **proof.OPTIONS,
    "event_type": "what every event of this source is called, such as form.submitted or order.paid",
    "type_header": "the header that names the event, such as x-github-event",
    "type_path": "where the body names the event, such as type or data.kind",
    "dedupe_header": "the header that names the delivery, the same on its repeats",
    "dedupe_path": "where the body names the delivery, such as id or data.object.id",
    "dedupe_content": "no: two deliveries with the same body are two events (yes)",
    "email_path": "where the body holds the email address, such as data.customer.email",
    "challenge": challenge.OPTION,
    "origins": "the senders that may ask for consent by OPTIONS (CloudEvents), or *",
    "rate": "how many requests a minute such a sender is allowed",
    "region": "the country of telephone numbers without a country code (US)",
}


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    """One event: JSON and forms as they are, other text under `text`."""
    body = _body(request)
    name = _type(body, request, config)
    return [
        ParsedEvent(
            type=name, data=_data(name, body, config), body=body, occurred_at=_time(body, request)
        )
    ]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """The first that there is: the source's own header or path, a well-known sender's id,
    CloudEvents' source and id, the hash of the body."""
    if given := next((key for key in _keys(request, config) if key), None):
        return given if len(given) <= LONGEST_KEY else _hash(given.encode("utf-8", "replace"))
    if options.yes(config.options, "dedupe_content", default=True):
        return _hash(request.body)
    return None


def _keys(request: InboundRequest, config: SourceConfig) -> Iterator[str | None]:
    """Where a delivery's own key may stand, the surest first."""
    yield request.headers.get(options.header(config.options, "dedupe_header"))
    yield _at(request, options.text(config.options, "dedupe_path"))
    for name in ID_HEADERS:
        yield request.headers.get(name)
    yield _cloud_event_id(request)


def subject(request: InboundRequest, config: SourceConfig) -> str | None:
    try:
        return people.email(_found(_body(request), config).get("email"))
    except Unreadable:
        return None


def handshake(request: InboundRequest, config: SourceConfig) -> Answer | None:
    """Consent to a CloudEvents sender (cloudevents/spec, http-webhook.md 4), where only the
    headers say yes; else the challenge that the source is set up to answer."""
    if request.method != "OPTIONS":
        return challenge.answer(request, config)
    origin = request.headers.get("webhook-request-origin", "")
    allowed = options.texts(config.options, "origins")
    if not origin or not origin.isprintable() or not ({origin, "*"} & set(allowed)):
        return Answer(status=403)
    asked = request.headers.get("webhook-request-rate", "")
    rate = options.text(config.options, "rate") or (asked if asked.isdigit() else "*")
    return Answer(
        status=200,
        headers={
            "allow": "POST",
            "webhook-allowed-origin": origin,
            "webhook-allowed-rate": rate,
        },
    )


def accepted(request: InboundRequest, accepted: Accepted, config: SourceConfig) -> Answer:
    del request, config
    body = exact_json.dumps(
        {"id": accepted.id, "duplicate": accepted.duplicate, "trace": accepted.trace}
    )
    return Answer(status=202, body=body.encode(), headers={"content-type": "application/json"})


def refused(request: InboundRequest, config: SourceConfig) -> Answer:
    del request
    return Answer(status=401, headers=proof.challenge(config))


def redact(request: InboundRequest, config: SourceConfig) -> InboundRequest:
    """The request without the headers that hold a credential, and without files' contents."""
    secret = {*_CREDENTIALS}
    if options.text(config.options, "scheme") == "header":
        secret.add(options.header(config.options, "header") or "x-api-key")
    headers = {name: value for name, value in request.headers.items() if name not in secret}
    kept = replace(request, headers=headers) if len(headers) < len(request.headers) else request
    kind, _ = forms.content_type(request.headers.get("content-type", ""))
    if kind != forms.MULTIPART:
        return kept
    try:
        body = exact_json.dumps(_body(request)).encode()
    except Unreadable:
        return kept
    return replace(kept, body=body, headers={**headers, "content-type": "application/json"})


def _body(request: InboundRequest) -> object:
    header = request.headers.get("content-type", "")
    kind = forms.kind_of(header, request.body)
    if kind == "json":
        return json_in(request)
    if kind == "form":
        return forms_in(request)[0]
    try:
        return cleaned({"text": request.body.decode()})
    except UnicodeDecodeError as error:
        raise Unreadable(f"the body is neither JSON nor a form nor text: {error}") from error


def _type(body: object, request: InboundRequest, config: SourceConfig) -> str:
    """A type of the common vocabulary stays itself; any other name is put under `webhook.`."""
    header = options.header(config.options, "type_header")
    path = options.text(config.options, "type_path", "type")
    named = (
        options.text(config.options, "event_type"),
        request.headers.get(header) if header else None,
        request.headers.get("ce-type"),
        a_text(at_path(body, path)),
    )
    name = next((name for name in named if name and _NAME.fullmatch(name)), None)
    # Only the source's owner may say that a body is one of the common facts; a body may not.
    if name is None:
        return RECEIVED
    if name in FACTS and name == named[0]:
        return name
    return name if name.startswith("webhook.") else f"webhook.{name}"


def _data(name: str, body: object, config: SourceConfig) -> dict[str, object]:
    """The facts of a common type: those the body has under the same names, and for people those
    that its fields' names tell."""
    if name not in FACTS:
        return {}
    fields = a_map(body)
    data = {fact: fields[fact] for fact in FACTS[name] if fact in fields}
    if name in _PEOPLE:
        region = options.text(config.options, "region", people.REGION)
        data |= people.person(_found(body, config), region)
    if name == "form.submitted":
        data["fields"] = fields
    return data


def _found(body: object, config: SourceConfig) -> dict[str, str | None]:
    found: dict[str, str | None] = dict(find_person(list(flattened(a_map(body)))))
    if path := options.text(config.options, "email_path"):
        found["email"] = a_text(at_path(body, path))
    return found


def _at(request: InboundRequest, path: str) -> str | None:
    if not path:
        return None
    try:
        return a_text(at_path(_body(request), path))
    except Unreadable:
        return None


def _cloud_event_id(request: InboundRequest) -> str | None:
    """A CloudEvent is told by its source and id together (cloudevents/spec, spec.md 3.1)."""
    source, name = request.headers.get("ce-source"), request.headers.get("ce-id")
    if not name and request.headers.get("content-type", "").startswith(CLOUD_EVENT):
        source, name = _at(request, "source"), _at(request, "id")
    return f"{source}#{name}" if name else None


def _time(body: object, request: InboundRequest) -> datetime | None:
    """When it happened, as Standard Webhooks (`timestamp`) and CloudEvents (`time`) say it."""
    told = (request.headers.get("ce-time"), at_path(body, "time"), at_path(body, "timestamp"))
    for value in told:
        try:
            at = datetime.fromisoformat(a_text(value) or "")
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def _hash(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


SOURCE = Source(
    verify=proof.verify,
    parse=parse,
    event_types=(RECEIVED,),
    dedupe_key=dedupe_key,
    subject=subject,
    handshake=handshake,
    accepted=accepted,
    refused=refused,
    redact=redact,
    sign=proof.sign,
    new_secret=standard_webhooks.new_secret,
    methods=("OPTIONS",),
    proof="Standard Webhooks (HMAC, ed25519), any HMAC, basic, bearer, a header, the address",
    options=OPTIONS,
)
