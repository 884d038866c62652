"""From a callout's fields, which the tenant's own template names, to the facts of a payment.

The names are those of the template in this folder's README.md, in any case.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation

from relay import people
from relay.core.errors import Unreadable
from relay.core.facts import a_map, a_text

NOTHING = ("", "null")
DAY_LENGTH = len("2026-11-24")


def field(fields: Mapping[str, object], name: str) -> str | None:
    """A field's text. Zuora can write `null` for an empty one; that is none."""
    for given, value in fields.items():
        if given.lower() == name.lower():
            text = a_text(value)
            return None if text is None or text.lower() in NOTHING else text
    return None


def facts_of(fields: Mapping[str, object]) -> dict[str, object]:
    """The facts. Raises Unreadable for an amount or a day that is none: the template can be mended
    and the event replayed."""
    return {
        "customer_email": people.email(field(fields, "BillToEmail")),
        "customer_name": field(fields, "AccountName"),
        "number": field(fields, "InvoiceNumber"),
        "our_number": field(fields, "OrderNumber"),
        "currency": field(fields, "Currency"),
        "total": amount(fields, "InvoiceAmount"),
        "paid_amount": amount(fields, "PaymentAmount"),
        "paid_on": day(fields, "PaymentEffectiveDate"),
        "due_date": day(fields, "InvoiceDueDate"),
        "issued_on": day(fields, "InvoiceDate"),
    }


def from_account(account: Mapping[str, object]) -> dict[str, object]:
    """Who is billed, from a document of `GET /v1/accounts/{key}`."""
    billed = a_map(account.get("billToContact"))
    return {
        "customer_email": people.email(
            field(billed, "workEmail") or field(billed, "personalEmail")
        ),
        "customer_name": field(a_map(account.get("basicInfo")), "name"),
    }


def from_invoice(invoice: Mapping[str, object]) -> dict[str, object]:
    """The invoice, from a document of `GET /v1/invoices/{key}`."""
    return {
        "number": field(invoice, "invoiceNumber"),
        "currency": field(invoice, "currency"),
        "total": amount(invoice, "amount"),
        "due_date": day(invoice, "dueDate"),
        "issued_on": day(invoice, "invoiceDate"),
    }


def as_paid(facts: Mapping[str, object]) -> dict[str, object]:
    """The facts of an invoice that has nothing left to pay: its whole amount is paid, which the
    last payment alone need not be."""
    return {**facts, "paid_amount": facts.get("total") or facts.get("paid_amount")}


def amount(fields: Mapping[str, object], name: str) -> Decimal | None:
    text = field(fields, name)
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise Unreadable(f"{name} is not a plain number: {text[:40]!r}") from error
    if not number.is_finite():
        raise Unreadable(f"{name} is not a plain number: {text[:40]!r}")
    return number


def day(fields: Mapping[str, object], name: str) -> str | None:
    """The day as Zuora writes dates (`YYYY-MM-DD`), or that part of a time."""
    text = field(fields, name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text[:DAY_LENGTH]).isoformat()
    except ValueError as error:
        raise Unreadable(f"{name} is not a day such as 2026-11-24: {text[:40]!r}") from error
