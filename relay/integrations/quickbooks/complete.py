"""From a notification that names a payment or an invoice to the facts about it.

developer.intuit.com, "Payment" and "Invoice": a payment covers invoices by lines, each with its own
amount; an invoice is paid when its balance is 0.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from relay import people
from relay.core.errors import NotFound
from relay.core.event import ParsedEvent
from relay.core.facts import a_list, a_map, a_text
from relay.integration import Lookup
from relay.integrations.quickbooks.changes import Change, change_of

COMPLETED = frozenset(
    {
        ("payment", "created"),
        ("payment", "updated"),
        ("invoice", "created"),
        ("invoice", "emailed"),
    }
)
# The usual prefix, or another of up to five characters and sixteen of ours.
OUR_NUMBER = re.compile(r"CRM-.+|[A-Za-z0-9-]{1,5}[A-Z2-7]{16}")

Document = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Reading:
    """Fetches documents of the company that a notification is about."""

    lookup: Lookup
    realm: str

    async def get(self, entity: str, id: str | None) -> tuple[Document, str | None]:
        """The document, {} where there is none to be had, and where a person sees it."""
        if not id:
            return {}, None
        try:
            answer = await self.lookup.get(f"/v3/company/{self.realm}/{entity.lower()}/{id}")
        except NotFound:
            return {}, None
        return a_map(answer.get(entity)), a_text(answer.get("link"))


async def complete(event: ParsedEvent, lookup: Lookup) -> Sequence[ParsedEvent]:
    """A payment becomes one event for each invoice it covers; an invoice becomes one. What has
    been deleted meanwhile stays what it was, without facts."""
    change = change_of(event.body)
    reading = Reading(lookup, change.realm)
    work = _payment if change.entity == "payment" else _invoice
    return await work(event, change, reading) or [replace(event, complete=True)]


async def _payment(event: ParsedEvent, change: Change, reading: Reading) -> list[ParsedEvent]:
    payment, _ = await reading.get("Payment", change.id)
    if not payment:
        return []
    customer, _ = await reading.get("Customer", _ref(payment, "CustomerRef"))
    about = {"payment": payment, "customer": customer}
    events = []
    for invoice_id, amount in _covered(payment):
        invoice, link = await reading.get("Invoice", invoice_id)
        whole = about | {"invoice": invoice}
        paid = bool(invoice) and _amount(invoice.get("Balance")) == 0
        facts = _facts(invoice, customer, payment, link) | {"paid_amount": amount}
        events.append(_event(event, "invoice.paid" if paid else "payment.received", facts, whole))
    return events or _on_account(event, payment, customer)


def _on_account(event: ParsedEvent, payment: Document, customer: Document) -> list[ParsedEvent]:
    """Money that is not for an invoice yet."""
    amount = _amount(payment.get("TotalAmt"))
    if not amount:
        return []
    facts = _facts({}, customer, payment, None) | {"paid_amount": amount}
    about = {"payment": payment, "customer": customer}
    return [_event(event, "payment.received", facts, about)]


async def _invoice(event: ParsedEvent, change: Change, reading: Reading) -> list[ParsedEvent]:
    invoice, link = await reading.get("Invoice", change.id)
    if not invoice:
        return []
    customer, _ = await reading.get("Customer", _ref(invoice, "CustomerRef"))
    kind = "invoice.created" if change.operation == "created" else "invoice.sent"
    facts = _facts(invoice, customer, {}, link)
    return [_event(event, kind, facts, {"invoice": invoice, "customer": customer})]


def _event(
    event: ParsedEvent, kind: str, facts: Mapping[str, object], about: Mapping[str, Document]
) -> ParsedEvent:
    """The key is made of what was read: a payment that is changed without its amounts changing
    says nothing new."""
    change = change_of(event.body)
    parts = [change.realm, kind, change.id, *_distinct(kind, facts, about)]
    return ParsedEvent(
        type=kind,
        data=facts,
        body={**a_map(event.body), **about},
        key=":".join(parts) if kind != "invoice.sent" else f"{event.key}:{kind}",
        occurred_at=event.occurred_at,
    )


def _distinct(
    kind: str, facts: Mapping[str, object], about: Mapping[str, Document]
) -> Iterator[str]:
    if kind in ("invoice.paid", "payment.received"):
        yield a_text(about.get("invoice", {}).get("Id")) or ""
        yield str(facts.get("paid_amount"))
        yield str(facts.get("paid_on"))


def _facts(
    invoice: Document, customer: Document, payment: Document, link: str | None
) -> dict[str, object]:
    number = a_text(invoice.get("DocNumber"))
    return {
        "customer_email": _email(customer, invoice),
        "customer_name": a_text(customer.get("DisplayName"))
        or _ref(invoice, "CustomerRef", "name"),
        "number": number,
        "our_number": number if number and OUR_NUMBER.fullmatch(number) else None,
        "currency": _ref(invoice, "CurrencyRef") or _ref(payment, "CurrencyRef"),
        "total": _amount(invoice.get("TotalAmt")),
        "paid_on": a_text(payment.get("TxnDate")),
        "due_date": a_text(invoice.get("DueDate")),
        "issued_on": a_text(invoice.get("TxnDate")),
        "url": link,
    }


def _covered(payment: Document) -> Iterator[tuple[str, Decimal]]:
    """The invoices a payment covers, each with its own amount: the payment's total may be for
    several, or more than all of them."""
    for line in map(a_map, a_list(payment.get("Line"))):
        amount = _amount(line.get("Amount"))
        for linked in map(a_map, a_list(line.get("LinkedTxn"))):
            id = a_text(linked.get("TxnId"))
            if linked.get("TxnType") == "Invoice" and id and amount:
                yield id, amount


def _email(customer: Document, invoice: Document) -> str | None:
    """The first address: the field may hold several, divided by commas."""
    for holder, name in ((customer, "PrimaryEmailAddr"), (invoice, "BillEmail")):
        text = a_text(a_map(holder.get(name)).get("Address")) or ""
        for part in text.replace(";", ",").split(","):
            if found := people.email(part):
                return found
    return None


def _ref(document: Document, name: str, key: str = "value") -> str | None:
    return a_text(a_map(document.get(name)).get(key))


def _amount(value: object) -> Decimal | None:
    text = a_text(value)
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        return None
