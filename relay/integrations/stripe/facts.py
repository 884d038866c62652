"""From Stripe's objects to the facts of an invoice, a payment or a subscription."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from relay import people
from relay.core import instants
from relay.core.facts import a_list, a_map, a_text
from relay.core.money import DECIMALS, major

Json = Mapping[str, object]
Facts = Callable[[Json], dict[str, object]]

OUR_NUMBER = "CRM-"
# docs.stripe.com/currencies: two that have no decimals are given in hundredths all the same, and
# one that has two by ISO 4217 has none here.
STRIPE_DECIMALS = {**DECIMALS, "ISK": 2, "UGX": 2, "MGA": 0}


def from_invoice(invoice: Json) -> dict[str, object]:
    when = a_map(invoice.get("status_transitions"))
    return {
        "customer_email": people.email(a_text(invoice.get("customer_email"))),
        "customer_name": a_text(invoice.get("customer_name")),
        "number": a_text(invoice.get("number")),
        "currency": _currency(invoice),
        "total": _amount(invoice, "total"),
        "paid_amount": _amount(invoice, "amount_paid"),
        "paid_on": instants.day(when.get("paid_at")),
        "due_date": instants.day(invoice.get("due_date")),
        "issued_on": instants.day(when.get("finalized_at") or invoice.get("created")),
        "url": a_text(invoice.get("hosted_invoice_url")),
    }


def from_failed_invoice(invoice: Json) -> dict[str, object]:
    return {**from_invoice(invoice), "paid_on": None}


def from_checkout(session: Json) -> dict[str, object]:
    customer = a_map(session.get("customer_details"))
    number = a_text(session.get("client_reference_id"))
    address = a_text(customer.get("email")) or a_text(session.get("customer_email"))
    return {
        "customer_email": people.email(address),
        "customer_name": a_text(customer.get("name")),
        "our_number": number if number and number.startswith(OUR_NUMBER) else None,
        "currency": _currency(session),
        "total": _amount(session, "amount_total"),
        "paid_amount": _amount(session, "amount_total"),
        "paid_on": instants.day(session.get("created")),
    }


def from_subscription(subscription: Json) -> dict[str, object]:
    prices = [_price(a_map(item)) for item in a_list(a_map(subscription.get("items")).get("data"))]
    known = [price for price in prices if price is not None]
    return {
        "currency": _currency(subscription),
        "total": sum(known, Decimal(0)) if known and len(known) == len(prices) else None,
        "issued_on": instants.day(subscription.get("start_date") or subscription.get("created")),
    }


def from_customer(customer: Json) -> dict[str, object]:
    """Who it is, for the facts that an object leaves out."""
    return {
        "customer_email": people.email(a_text(customer.get("email"))),
        "customer_name": a_text(customer.get("name")),
    }


def _price(item: Json) -> Decimal | None:
    price = a_map(item.get("price"))
    unit = major(price.get("unit_amount"), _currency(price), "unit_amount", STRIPE_DECIMALS)
    quantity = a_text(item.get("quantity")) or "1"
    return unit * int(quantity) if unit is not None and quantity.isdigit() else None


def _currency(document: Json) -> str | None:
    found = a_text(document.get("currency"))
    return found.upper() if found else None


def _amount(document: Json, name: str) -> Decimal | None:
    return major(document.get(name), _currency(document), name, STRIPE_DECIMALS)
