"""Every type of event that a hook can ask for: what it tells, its JSON Schema, and an example.

Payloads are made by `relay.pipeline.payloads`, and tests hold them to these schemas.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from relay.core.event import FACTS, MEMBER, MONEY

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
MAYBE: Schema = {"type": ["string", "null"]}
TIME: Schema = {"type": "string", "format": "date-time"}
DAY: Schema = {"type": ["string", "null"], "format": "date"}
AMOUNT: Schema = {"type": ["string", "null"], "description": "a decimal number as text"}
TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
FREE: Schema = {"type": "object", "additionalProperties": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventType:
    """One type. `schema` and `example` are of the flat form, one object."""

    type: str
    about: str
    schema: Mapping[str, Any]
    example: Mapping[str, Any]
    origin: str = "relay"  # relay | rule


def shape(properties: Mapping[str, Schema], needed: Iterable[str] = ()) -> Schema:
    """An object with these properties; those named must be there. Later versions may add more."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["id", *needed],
        "properties": {
            "id": TEXT | {"description": "unique: drop what comes twice"},
            **properties,
        },
        "additionalProperties": True,
    }


_ACCOUNT: Schema = {
    "type": ["object", "null"],
    "properties": {"id": TEXT, "name": TEXT},
    "required": ["id", "name"],
}
_PERSON: Mapping[str, Schema] = {
    "email": MAYBE,
    "name": MAYBE,
    "first_name": MAYBE,
    "last_name": MAYBE,
    "phone": MAYBE,
    "title": MAYBE,
}
_CONTACT: Schema = {
    "type": ["object", "null"],
    "properties": {"id": TEXT, **_PERSON},
    "required": ["id", *_PERSON],
}
_ITEM: Mapping[str, Schema] = {
    "item_id": TEXT,
    "list_id": MAYBE,
    "list": MAYBE,
    "name": TEXT,
    "account": _ACCOUNT,
    "contact": _CONTACT,
    "emails": TEXTS,
    "fields": FREE | {"description": "the list's fields by name"},
    "changed": FREE | {"description": "field → what it was and is, where fields changed"},
    "created_at": TIME,
    "modified_at": TIME,
}
_CONTACT_EXAMPLE = {
    "id": "6ac2f40b0a1b2c3d4e5f6071",
    "email": "ann@northwind.example",
    "name": "Ann Lee",
    "first_name": "Ann",
    "last_name": "Lee",
    "phone": None,
    "title": "Head of Operations",
}
_ITEM_EXAMPLE = {
    "id": "6ac2f40c6ab2f1e5d4b09f11-8812",
    "item_id": "6ac2f40c6ab2f1e5d4b09f11",
    "list_id": "6ac2f40b3f0c0d9b5a7e1c20",
    "list": "Deals",
    "name": "Northwind onboarding",
    "account": {"id": "6ac2f40b9d1fe1b2c3d4e5f6", "name": "Northwind"},
    "contact": _CONTACT_EXAMPLE,
    "emails": ["ann@northwind.example"],
    "fields": {"status": "Deal Won", "amount": "4800", "close_date": "2026-05-01"},
    "changed": {"status": {"from": "Negotiation", "to": "Deal Won"}},
    "created_at": "2026-04-02T08:15:00.000Z",
    "modified_at": "2026-05-01T09:00:00.000Z",
}
_FACT: Mapping[str, Schema] = {
    **dict.fromkeys(
        ("email", "name", "first_name", "last_name", "phone", "company", "title", "website",
         "customer_email", "customer_name", "number", "our_number", "currency", "url", "list"),
        MAYBE,
    ),
    **dict.fromkeys(("total", "paid_amount"), AMOUNT),
    **dict.fromkeys(("paid_on", "due_date", "issued_on"), DAY),
    "emails": {"type": ["array", "null"], "items": {"type": "string"}},
    "address": {"type": ["object", "string", "null"]},
    "fields": {"type": ["object", "null"]},
}  # fmt: skip
_FACT_EXAMPLE: Mapping[str, Any] = {
    "email": "ann@northwind.example",
    "emails": ["ann@northwind.example"],
    "name": "Ann Lee",
    "first_name": "Ann",
    "last_name": "Lee",
    "phone": "+1 555 0100",
    "company": "Northwind",
    "title": "Head of Operations",
    "website": "https://northwind.example",
    "address": None,
    "fields": {"Budget": "5000"},
    "customer_email": "billing@northwind.example",
    "customer_name": "Northwind",
    "number": "1042",
    "our_number": None,
    "currency": "USD",
    "total": "4800.00",
    "paid_amount": "4800.00",
    "paid_on": "2026-05-12",
    "due_date": "2026-05-31",
    "issued_on": "2026-05-01",
    "url": None,
    "list": "Newsletter",
}
_RECEIVED = {
    "form.submitted": "A form was filled in.",
    "card.scanned": "A business card was scanned.",
    "person.enriched": "A service found out more about a person.",
    "invoice.created": "An invoice was made at an accounting provider.",
    "invoice.sent": "An invoice was sent to its customer.",
    "invoice.paid": "An invoice was paid.",
    "invoice.overdue": "An invoice was not paid in time.",
    "payment.received": "A payment came in.",
    "payment.failed": "A payment did not go through.",
    "subscription.started": "A customer's subscription began.",
    "subscription.cancelled": "A customer's subscription ended.",
    "member.subscribed": "Somebody joined a mailing list.",
    "member.unsubscribed": "Somebody left a mailing list.",
    "member.updated": "Somebody on a mailing list changed.",
}
_HOOK: Mapping[str, Schema] = {
    "hook_id": TEXT,
    "url": TEXT,
    "event": TEXT,
    "message_id": MAYBE,
    "message_type": MAYBE,
    "reason": MAYBE,
    "last_status": {"type": ["integer", "null"]},
    "last_response": MAYBE,
    "last_error": MAYBE,
    "count": {"type": ["integer", "null"]},
    "link": TEXT,
    "at": TIME,
}
_HOOK_EXAMPLE = {
    "id": "msg_k3vq7m2c5e6a4xnp",
    "hook_id": "hook_3",
    "url": "https://app.example.com/hooks",
    "event": "list_item.updated",
    "message_id": None,
    "message_type": None,
    "reason": "no success for 5 days",
    "last_status": 503,
    "last_response": "down for maintenance",
    "last_error": None,
    "count": 24,
    "link": "https://relay.example.com/hooks/hook_3",
    "at": "2026-05-06T09:00:00.000Z",
}
_OPERATIONAL = {
    "endpoint.failing": "A hook has had no success for 50, 70 or 90 % of the time after which it"
                        " is disabled.",
    "endpoint.disabled": "A hook was disabled; `reason` says why.",
    "endpoint.enabled": "A hook was enabled again.",
    "endpoint.secret_rotated": "A hook has a new secret; the old one signs for a while.",
    "message.attempt.failing": "A message has failed four times.",
    "message.attempt.recovered": "A message that had failed four times or more was taken.",
    "message.attempt.exhausted": "The tries of a message are used up; told once an hour and hook,"
                                 " with the count.",
}  # fmt: skip

_SOURCE: Mapping[str, Schema] = {
    "source": TEXT,
    "source_id": TEXT,
    "sender": TEXT,
    "count": {"type": ["integer", "null"]},
    "last_event_at": {"type": ["string", "null"], "format": "date-time"},
    "reason": MAYBE,
    "link": TEXT,
    "at": TIME,
}
_SOURCE_EXAMPLE = {
    "id": "evt_9120",
    "source": "website",
    "source_id": "src_12",
    "sender": "webform",
    "count": None,
    "last_event_at": "2026-05-05T17:12:00.000Z",
    "reason": "nothing came for 16 hours; the usual time between two is 25 minutes",
    "link": "https://relay.example.com/sources/website",
    "at": "2026-05-06T09:00:00.000Z",
}
_OF_SOURCES = {
    "source.verification_failing": "A source has refused several deliveries that did not prove to"
                                   " be its sender's; told once an hour, with the count.",
    "source.silent": "Nothing came from a source for far longer than usual.",
}  # fmt: skip
_RULE: Mapping[str, Schema] = {
    "rule": TEXT,
    "name": MAYBE,
    "reason": MAYBE,
    "link": TEXT,
    "at": TIME,
}
_RULE_EXAMPLE = {
    "id": "evt_9121",
    "rule": "deal-won-receipt",
    "name": "Book a won deal",
    "reason": "paused by robin@example.com",
    "link": "https://relay.example.com/rules",
    "at": "2026-05-06T09:00:00.000Z",
}


def _received() -> Iterable[EventType]:
    for type, about in _RECEIVED.items():
        names = FACTS[type]
        around = {"source": TEXT, "occurred_at": TIME, "event_id": TEXT}
        yield EventType(
            type=type,
            about=about,
            schema=shape(around | {name: _FACT[name] for name in names}, [*around, *names]),
            example={
                "id": "evt_8812",
                "source": _SOURCES[names],
                "occurred_at": "2026-05-12T09:00:00.000Z",
                "event_id": "evt_8812",
            }
            | {name: _FACT_EXAMPLE[name] for name in names},
        )


_SOURCES = {FACTS["form.submitted"]: "website", FACTS["card.scanned"]: "cards",
            MONEY: "quickbooks", MEMBER: "newsletter"}  # fmt: skip


def _our_own() -> Iterable[EventType]:
    item = shape(_ITEM, _ITEM)
    yield EventType(
        type="list_item.created",
        about="An item was put on a list.",
        schema=item,
        example=_ITEM_EXAMPLE
        | {"id": "6ac2f40c6ab2f1e5d4b09f11", "changed": {}, "fields": {"status": "Lead"}},
    )
    yield EventType(
        type="list_item.updated",
        about="Fields of a list item changed: by a person, the API, a webhook, a rule or a sync."
        " One event for all fields that changed together.",
        schema=item,
        example=_ITEM_EXAMPLE,
    )
    gone = {"item_id": TEXT, "list_id": MAYBE, "list": MAYBE, "name": TEXT, "removed_at": TIME}
    yield EventType(
        type="list_item.removed",
        about="An item was taken off its list; its account and contacts stay.",
        schema=shape(gone, gone),
        example={
            "id": "6ac2f40c6ab2f1e5d4b09f11-8830",
            "item_id": "6ac2f40c6ab2f1e5d4b09f11",
            "list_id": "6ac2f40b3f0c0d9b5a7e1c20",
            "list": "Deals",
            "name": "Northwind onboarding",
            "removed_at": "2026-05-12T09:00:00.000Z",
        },
    )
    person = {"contact_id": TEXT, **_PERSON}
    known = _CONTACT_EXAMPLE
    for type, about in (
        ("contact.created", "A contact is new."),
        ("contact.updated", "A contact changed."),
    ):
        id = known["id"] if type == "contact.created" else f"{known['id']}-8813"
        yield EventType(
            type=type,
            about=about,
            schema=shape(person, person),
            example={**known, "id": id, "contact_id": known["id"]},
        )
    yield EventType(
        type="account.created",
        about="An account is new.",
        schema=shape({"account_id": TEXT, "name": TEXT, "fields": FREE}, ["account_id", "name"]),
        example={
            "id": "6ac2f40b9d1fe1b2c3d4e5f6",
            "account_id": "6ac2f40b9d1fe1b2c3d4e5f6",
            "name": "Northwind",
            "fields": {"zuora_number": None},
        },
    )
    entry = {"subject": TEXT, "body": TEXT, "item_id": MAYBE, "account_id": MAYBE,
             "contact_id": MAYBE, "by": FREE, "at": TIME}  # fmt: skip
    yield EventType(
        type="stream.posted",
        about="An entry appeared in the Account Stream.",
        schema=shape(entry, entry),
        example={
            "id": "evt_8820",
            "subject": "Invoice 1042 was paid",
            "body": "4800.00 USD on 2026-05-12",
            "item_id": "6ac2f40c6ab2f1e5d4b09f11",
            "account_id": "6ac2f40b9d1fe1b2c3d4e5f6",
            "contact_id": None,
            "by": {"kind": "rule", "ref": "invoice-paid"},
            "at": "2026-05-12T09:00:00.000Z",
        },
    )


def _operational() -> Iterable[EventType]:
    for type, about in _OPERATIONAL.items():
        yield EventType(type=type, about=about, schema=shape(_HOOK, _HOOK), example=_HOOK_EXAMPLE)
    for type, about in _OF_SOURCES.items():
        schema = shape(_SOURCE, _SOURCE)
        yield EventType(type=type, about=about, schema=schema, example=_SOURCE_EXAMPLE)
    yield EventType(
        type="rule.disabled",
        about="A person has paused a rule.",
        schema=shape(_RULE, _RULE),
        example=_RULE_EXAMPLE,
    )


CATALOGUE: Mapping[str, EventType] = MappingProxyType(
    {one.type: one for one in (*_our_own(), *_received(), *_operational())}
)


def emitted(type: str, data: Mapping[str, Any], about: str) -> EventType:
    """A type of a rule's own making, as its data shows it."""
    names: dict[str, Schema] = {name: {} for name in data if name != "id"}
    return EventType(
        type=type,
        about=about,
        schema=shape(names, names),
        example={**data, "id": data.get("id") or "evt_8812"},
        origin="rule",
    )


def nouns(types: Iterable[str]) -> list[str]:
    """`list_item.*` and so on: what can be asked for as a whole."""
    return sorted({f"{type.rpartition('.')[0]}.*" for type in types})
