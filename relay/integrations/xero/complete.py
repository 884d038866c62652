"""From a notification that names an invoice to what has happened to it.

XeroAPI/Xero-OpenAPI, xero_accounting.yaml, `GET /Invoices/{InvoiceID}`. Xero sends no event for a
payment: the invoice is updated. Each thing has a key made of what was read, so that an update that
changed something else says nothing new.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from relay import people
from relay.core.errors import NotFound
from relay.core.event import ParsedEvent
from relay.core.facts import a_list, a_map, a_text
from relay.core.money import number
from relay.integration import Lookup

Json = Mapping[str, object]

RECEIVABLE = "ACCREC"
OUR_NUMBER = "CRM-"
_DATE = re.compile(r"/Date\((-?\d{1,15})(?:[+-]\d{4})?\)/")


async def complete(event: ParsedEvent, lookup: Lookup) -> Sequence[ParsedEvent]:
    """What the invoice tells; what is no invoice of ours to a customer stays what it was."""
    told = a_map(event.body)
    tenant, id = a_text(told.get("tenantId")) or "", a_text(told.get("resourceId")) or ""
    try:
        answer = await lookup.get(f"/api.xro/2.0/Invoices/{quote(id, safe='')}", {"tenant": tenant})
    except NotFound:
        return [replace(event, complete=True)]
    found = a_list(answer.get("Invoices"))
    invoice = a_map(found[0]) if found else {}
    whole = replace(event, body={**told, "invoice": invoice}, complete=True)
    if invoice.get("Type") != RECEIVABLE:
        return [whole]
    made = (a_text(told.get("eventType")) or "").upper() == "CREATE"
    return [*_events(whole, invoice, f"{tenant}:{id}", made=made)] or [whole]


def _events(event: ParsedEvent, invoice: Json, id: str, *, made: bool) -> Iterator[ParsedEvent]:
    facts, status = facts_of(invoice), a_text(invoice.get("Status"))
    if made:
        yield replace(event, type="invoice.created", data=facts, key=f"{id}:created")
    if status == "AUTHORISED" and invoice.get("SentToContact") is True:
        yield replace(event, type="invoice.sent", data=facts, key=f"{id}:sent")
    if status == "PAID":
        amount = number(invoice.get("AmountPaid"), "AmountPaid")
        on = day(invoice, "FullyPaidOnDate")
        paid = {**facts, "paid_amount": amount, "paid_on": on}
        yield replace(event, type="invoice.paid", data=paid, key=f"{id}:paid:{amount}:{on}")
    elif status == "AUTHORISED":
        for payment in map(a_map, a_list(invoice.get("Payments"))):
            amount, on = number(payment.get("Amount"), "Amount"), day(payment, "Date")
            part = {**facts, "paid_amount": amount, "paid_on": on}
            key = f"{id}:payment:{a_text(payment.get('PaymentID'))}"
            yield replace(event, type="payment.received", data=part, key=key)


def facts_of(invoice: Json) -> dict[str, object]:
    """The facts but for what was paid."""
    contact, named = a_map(invoice.get("Contact")), a_text(invoice.get("Reference"))
    return {
        "customer_email": people.email(a_text(contact.get("EmailAddress"))),
        "customer_name": a_text(contact.get("Name")),
        "number": a_text(invoice.get("InvoiceNumber")),
        "our_number": named if named and named.startswith(OUR_NUMBER) else None,
        "currency": a_text(invoice.get("CurrencyCode")),
        "total": number(invoice.get("Total"), "Total"),
        "due_date": day(invoice, "DueDate"),
        "issued_on": day(invoice, "Date"),
    }


def day(document: Json, name: str) -> str | None:
    """`/Date(1552953600000+0000)/` as its day in UTC."""
    match = _DATE.fullmatch(a_text(document.get(name)) or "")
    if match is None:
        return None
    try:
        return datetime.fromtimestamp(int(match[1]) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return None
