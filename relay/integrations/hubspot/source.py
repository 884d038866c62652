"""HubSpot's two senders: an app's webhooks, in batches that name what changed, and a workflow's
action, one whole object at a time.

developers.hubspot.com, "Webhooks API", "Workflows". `eventId` is not unique, `attemptNumber` is
the delivery's own.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from relay import people
from relay.bodies import json_in
from relay.core import batch, options
from relay.core.errors import NotFound, Unreadable
from relay.core.event import ParsedEvent
from relay.core.facts import a_map, a_text
from relay.integration import InboundRequest, Lookup, Source, SourceConfig
from relay.integrations.hubspot import facts, proof

Json = Mapping[str, object]

PERSON, FORM = "person.enriched", "form.submitted"
CONTACT = "0-1"
# What the older subscription types call their object.
OBJECTS = {"contact": CONTACT, "company": "0-2", "deal": "0-3"}
_READ = ("creation", "propertychange")
_KEY = ("portalId", "subscriptionId", "eventId", "objectId", "occurredAt", "propertyName")

OPTIONS = {
    **proof.OPTIONS,
    "form": "yes: a contact that a workflow sends is a form that was filled in (no)",
}


def parse(request: InboundRequest, config: SourceConfig) -> Sequence[ParsedEvent]:
    """An array is a batch of changes; an object is what a workflow sends."""
    body = json_in(request)
    if isinstance(body, list):
        return batch.each(body, _change, "hubspot")
    if isinstance(body, Mapping):
        return [_from_workflow(body, config)]
    raise Unreadable("the body is neither an array of events nor an object")


async def complete(event: ParsedEvent, lookup: Lookup) -> Sequence[ParsedEvent]:
    """The object as it is now; a contact becomes the facts of a person."""
    told = a_map(event.body)
    kind, id = _object_type(told), a_text(told.get("objectId"))
    if kind is None or id is None:
        return [replace(event, complete=True)]
    asked = [a_text(told.get("propertyName")) or "", *(facts.PROPERTIES if kind == CONTACT else ())]
    path = f"/crm/v3/objects/{quote(kind, safe='')}/{quote(id, safe='')}"
    names = ",".join(dict.fromkeys(name for name in asked if name))
    try:
        found = await lookup.get(path, {"properties": names} if names else None)
    except NotFound:
        return [replace(event, complete=True)]
    whole = replace(event, body={**told, "object": found}, complete=True)
    if kind != CONTACT:
        return [whole]
    return [replace(whole, type=PERSON, data=facts.of_person(a_map(found.get("properties"))))]


def dedupe_key(request: InboundRequest, config: SourceConfig) -> str | None:
    """A batch by the changes it names; a workflow's post by its content, for nothing says that
    its correlation id stays the same when it is sent again."""
    try:
        events = parse(request, config)
    except Unreadable:
        return None
    keys = sorted(event.key for event in events if event.key)
    content = "\n".join(keys).encode() if keys else request.body
    return hashlib.sha256(content).hexdigest()[:40] if events else None


def subject(request: InboundRequest, config: SourceConfig) -> str | None:
    """Of a workflow's contact; a batch names nobody."""
    try:
        events = parse(request, config)
    except Unreadable:
        return None
    return people.email(a_text(events[0].data.get("email"))) if len(events) == 1 else None


def _change(sent: object, index: int) -> ParsedEvent:
    event = a_map(sent)
    kind = a_text(event.get("subscriptionType"))
    if kind is None:
        raise Unreadable(f"[{index}].subscriptionType is missing")
    operation = kind.rpartition(".")[2].lower()
    return ParsedEvent(
        type=f"hubspot.{kind[:80]}",
        body=event,
        key=":".join(a_text(event.get(name)) or "" for name in _KEY)[:300],
        complete=operation not in _READ or _object_type(event) is None,
        occurred_at=_time(event.get("occurredAt")),
    )


def _from_workflow(body: Json, config: SourceConfig) -> ParsedEvent:
    """Contacts come in an older shape, without a type."""
    properties = a_map(body.get("properties"))
    kind = a_text(body.get("objectType"))
    is_contact = kind == "CONTACT" or (kind is None and "vid" in body)
    if not is_contact:
        return ParsedEvent(type=f"hubspot.workflow.{(kind or 'object').lower()[:60]}", body=body)
    if not properties:
        raise Unreadable("properties is missing")
    if options.yes(config.options, "form", default=False):
        return ParsedEvent(type=FORM, data=facts.of_form(properties), body=body)
    return ParsedEvent(type=PERSON, data=facts.of_person(properties), body=body)


def _object_type(event: Json) -> str | None:
    """`contact.creation` names its object; `object.creation` has its type beside it."""
    if given := a_text(event.get("objectTypeId")):
        return given[:40]
    return OBJECTS.get((a_text(event.get("subscriptionType")) or "").partition(".")[0].lower())


def _time(value: object) -> datetime | None:
    text = a_text(value) or ""
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def sign(body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    return proof.sign(body, config, now)


SOURCE = Source(
    verify=proof.verify,
    parse=parse,
    event_types=(
        PERSON,
        FORM,
        "hubspot.contact.creation",
        "hubspot.contact.propertyChange",
        "hubspot.contact.deletion",
        "hubspot.company.propertyChange",
        "hubspot.deal.creation",
        "hubspot.deal.propertyChange",
        "hubspot.workflow.company",
        "hubspot.workflow.deal",
    ),
    dedupe_key=dedupe_key,
    subject=subject,
    complete=complete,
    sign=sign,
    proof="a timed HMAC-SHA256 of the address and the body",
    secret="pasted",  # noqa: S106 - who makes it, not what it is
    options=OPTIONS,
)
