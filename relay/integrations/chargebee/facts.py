"""From the content of Chargebee's events to the facts of an invoice, a payment or a subscription.

Amounts are in the currency's smallest unit. Version 1 of its API has `amount`, `paid_on` and
`start_date` where version 2 has `total`, `paid_at` and `date`.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from relay import people
from relay.core import instants
from relay.core.facts import a_map, a_text
from relay.core.money import major

Json = Mapping[str, object]
Facts = Callable[[Json], dict[str, object]]
OUR_NUMBER = "CRM-"


def from_invoice(content: Json) -> dict[str, object]:
    """An invoice, as it was made."""
    invoice = a_map(content.get("invoice"))
    currency, order = _currency(content), a_text(invoice.get("po_number"))
    return {
        **customer(a_map(content.get("customer"))),
        "number": a_text(invoice.get("id")),
        "our_number": order if order and order.startswith(OUR_NUMBER) else None,
        "currency": currency,
        "total": _amount(invoice, ("total", "amount"), currency),
        "due_date": instants.day(invoice.get("due_date")),
        "issued_on": instants.day(invoice.get("date") or invoice.get("start_date")),
    }


def from_payment(content: Json) -> dict[str, object]:
    """What was paid now, and the invoice it was for."""
    transaction = a_map(content.get("transaction"))
    currency = _currency(content)
    return {
        **from_invoice(content),
        "paid_amount": _amount(transaction, ("amount",), currency),
        "paid_on": instants.day(transaction.get("date")),
    }


def from_failure(content: Json) -> dict[str, object]:
    """What was not paid: nothing is said of an amount paid."""
    return from_invoice(content)


def from_subscription(content: Json) -> dict[str, object]:
    """A subscription; it has no number of its own."""
    subscription = a_map(content.get("subscription"))
    currency = _currency(content)
    return {
        **customer(a_map(content.get("customer"))),
        "currency": currency,
        "total": _amount(subscription, ("mrr", "plan_amount"), currency),
        "issued_on": instants.day(
            subscription.get("activated_at") or subscription.get("created_at")
        ),
    }


def customer(document: Json) -> dict[str, object]:
    """Who is billed: the person's name, else the company's."""
    names = [a_text(document.get("first_name")), a_text(document.get("last_name"))]
    name = " ".join(each for each in names if each) or a_text(document.get("company"))
    return {"customer_email": people.email(a_text(document.get("email"))), "customer_name": name}


def _currency(content: Json) -> str | None:
    for name in ("invoice", "transaction", "subscription"):
        if found := a_text(a_map(content.get(name)).get("currency_code")):
            return found
    return None


def _amount(document: Json, names: tuple[str, ...], currency: str | None) -> Decimal | None:
    """The first that is there; hundredths where the event names no currency."""
    found = (major(document.get(name), currency, name) for name in names)
    return next((amount for amount in found if amount is not None), None)
