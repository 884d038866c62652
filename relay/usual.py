"""The mapping a new source gets unless somebody gives it one: what is right for most."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from relay.core.errors import InvalidInput
from relay.core.event import FACTS
from relay.crm.model import Field, Fields, FieldType, List, ListType
from relay.crm.values import Sent, stored
from relay.integration import Source


class Sender(Protocol):
    """A field that a sender sends: its names, its last value, the expression that reads it."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def sent(self) -> object: ...
    @property
    def expression(self) -> str: ...


PERSON_EVENTS = ("form.submitted", "card.scanned", "person.enriched", "member.subscribed",
                 "member.updated")  # fmt: skip
PAID_EVENTS = ("invoice.paid", "payment.received")
TOLD_EVENTS = ("invoice.sent", "invoice.overdue", "payment.failed")

# What a list's fields are called that hold a fact, by slug.
_PLACES: Mapping[str, str] = {
    "account_name": "company",
    "company": "company",
    "company_name": "company",
    "email": "email",
    "email_address": "email",
    "first_name": "first_name",
    "full_name": "name",
    "job_title": "title",
    "last_name": "last_name",
    "phone": "phone",
    "phone_number": "phone",
    "position": "title",
    "title": "title",
    "website": "website",
    "address": "address",
}
_OF_TYPE: Mapping[FieldType, str] = {FieldType.EMAIL: "email", FieldType.PHONE: "phone"}
_CONTACT = ("name", "phone", "title", "company")
_NUMBER = "${event.data.number == null ? '' : ' ' + event.data.number}"
_PAID: Mapping[str, tuple[FieldType, str]] = {
    "paid_date": (FieldType.DATE, "${event.data.paid_on}"),
    "paid_amount": (FieldType.NUMERIC, "${event.data.paid_amount}"),
}
_SUBJECTS: Mapping[str, str] = {
    "invoice.paid": f"Invoice{_NUMBER} paid",
    "payment.received": f"Payment received{_NUMBER}",
    "invoice.sent": f"Invoice{_NUMBER} sent",
    "invoice.overdue": f"Invoice{_NUMBER} is overdue",
    "payment.failed": f"Payment failed{_NUMBER}",
    "form.submitted": "Filled in a form",
    "card.scanned": "Business card scanned",
    "person.enriched": "Looked up",
    "member.subscribed": "Subscribed",
    "member.updated": "Changed their subscription",
}


def usual_mapping(
    source: Source, lists: Sequence[List], into: List | None = None
) -> dict[str, Any] | None:
    """Form, card and member → contact and item; payment → status, date, amount and a stream
    entry; invoice sent → a stream entry. None where the source tells of none of these. `into` is
    the list to fill, where somebody chose one."""
    told = source.usual_events()
    events = [each for each in _SUBJECTS if each in told]
    parts = [_part(each, events, [into] if into else lists, chosen=into) for each in events]
    if not parts:
        return None
    first, *others = parts
    return first | ({"also": others} if others else {})


def _part(
    event: str, events: Sequence[str], lists: Sequence[List], *, chosen: List | None
) -> dict[str, Any]:
    if event in PERSON_EVENTS:
        return _person(event, chosen or _first(lists, ListType.CONTACT))
    return _money(event, events, _for_money(lists))


def _person(event: str, into: List | None) -> dict[str, Any]:
    facts = FACTS[event]
    part: dict[str, Any] = {
        "event": event,
        "email": "${event.data.email}",
        "contact": {name: f"${{event.data.{name}}}" for name in _CONTACT if name in facts},
        "stream": {
            "subject": _SUBJECTS[event],
            "body": "${event.data.name == null ? event.data.email : event.data.name}",
        },
    }
    if into is None:
        return part
    if into.type is ListType.ACCOUNT and "company" in facts:
        part["account"] = "${event.data.company}"
    status = into.status
    if status is not None and status.options:
        part["new"] = {"status": status.options[0].display}
    return part | {"list": into.title, "fields": _facts(into, facts)}


def _facts(into: List, facts: Sequence[str]) -> dict[str, str]:
    """The list's text fields whose names say which fact they hold."""
    return {
        one.slug: f"${{event.data.{_PLACES[one.slug]}}}"
        for one in into.fields.all
        if _PLACES.get(one.slug) in facts and one.is_editable and not one.options
    }


def _money(event: str, events: Sequence[str], into: List | None) -> dict[str, Any]:
    paid = event in PAID_EVENTS
    body = _amount("paid_amount" if paid else "total")
    part: dict[str, Any] = {
        "event": event,
        "email": "${event.data.customer_email}",
        "stream": {"subject": _SUBJECTS[event], "body": body},
    }
    if into is None or not paid:
        return part
    # A sender that tells of paid invoices tells of part payments too: those close nothing.
    closes = event == "invoice.paid" or "invoice.paid" not in events
    fields = _paid(into.fields, closes=closes)
    return part | {"list": into.title, "number": "${event.data.our_number}", "fields": fields}


def _amount(fact: str) -> str:
    amount = f"event.data.{fact} == null ? 'Amount not said' : event.data.{fact}"
    return f"${{{amount}}}${{event.data.currency == null ? '' : ' ' + event.data.currency}}"


def _paid(fields: Fields, *, closes: bool) -> dict[str, str]:
    found = {
        slug: value
        for slug, (type_, value) in _PAID.items()
        if slug in fields.by_name and fields.by_name[slug].type is type_
    }
    status = next((one for one in fields.all if one.slug == "status"), None)
    if closes and status is not None and (option := _paid_option(status)):
        found["status"] = option
    return found


def _paid_option(status: Field) -> str | None:
    return next((one.display for one in status.options if one.display.lower() == "paid"), None)


def _for_money(lists: Sequence[List]) -> List | None:
    """The first account list that has a place for a payment, else the first one."""
    accounts = [one for one in lists if one.type is ListType.ACCOUNT]
    fitting = (one for one in accounts if not _PAID.keys().isdisjoint(one.fields.by_name))
    return next(fitting, accounts[0] if accounts else None)


def _first(lists: Sequence[List], type_: ListType) -> List | None:
    return next((one for one in lists if one.type is type_), None)


def proposed(into: List, senders: Iterable[Sender], sent: Sent) -> dict[str, str]:
    """For the list's fields, by slug, the expression of the sender's field that fits: one of the
    same name whose last value the field takes, else a fact that belongs there."""
    named: dict[str, Sender] = {}
    for one in senders:
        for name in (one.name, one.label):
            named.setdefault(_letters(name), one)
    found: dict[str, str] = {}
    for field in into.fields.all:
        if not field.is_editable:
            continue
        fitting = (named.get(_letters(field.slug)), named.get(_PLACES.get(field.slug, "")),
                   named.get(_OF_TYPE.get(field.type, "")))  # fmt: skip
        chosen = next((one for one in fitting if one and _fits(field, one.sent, sent)), None)
        if chosen is not None:
            found[field.slug] = chosen.expression
    return found


def _fits(field: Field, value: object, sent: Sent) -> bool:
    try:
        stored(field, value, sent)
    except InvalidInput:
        return False
    return True


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
