"""The events that arrive and the facts each of them binds, as the checker knows them."""

from __future__ import annotations

from collections.abc import Mapping

_PERSON = {
    "email": "text",
    "emails": "list",
    "name": "text",
    "first_name": "text",
    "last_name": "text",
    "phone": "text",
    "company": "text",
    "title": "text",
    "website": "text",
    "address": "any",
}
_MONEY = {
    "customer_email": "text",
    "customer_name": "text",
    "number": "text",
    "our_number": "text",
    "currency": "text",
    "total": "number",
    "paid_amount": "number",
    "paid_on": "text",
    "due_date": "text",
    "issued_on": "text",
    "url": "text",
}
_MEMBER = {"email": "text", "name": "text", "list": "text", "fields": "any"}
_FORM = {
    "email": "text",
    "name": "text",
    "first_name": "text",
    "last_name": "text",
    "phone": "text",
    "company": "text",
    "fields": "any",
}

EVENTS: Mapping[str, Mapping[str, str]] = {
    "form.submitted": _FORM,
    "card.scanned": _PERSON,
    "person.enriched": _PERSON,
    **dict.fromkeys(
        (
            "invoice.created",
            "invoice.sent",
            "invoice.paid",
            "invoice.overdue",
            "payment.received",
            "payment.failed",
            "subscription.started",
            "subscription.cancelled",
        ),
        _MONEY,
    ),
    **dict.fromkeys(("member.subscribed", "member.unsubscribed", "member.updated"), _MEMBER),
}
"""Facts by event type: `text`, `number`, `list` or `any`."""
