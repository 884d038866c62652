"""From Recurly's documents and XML notifications to the facts of an invoice or a payment."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from relay import people
from relay.core.errors import Unreadable
from relay.core.facts import a_list, a_map, a_text
from relay.integrations.recurly.money import WHOLE

Json = Mapping[str, object]


def from_invoice(invoice: Json) -> dict[str, object]:
    """The facts in a document of `GET /invoices/{id}`; amounts are decimals in major units."""
    paid = invoice.get("state") == "paid"
    return {
        **customer(a_map(invoice.get("account"))),
        "number": a_text(invoice.get("number")),
        "our_number": a_text(invoice.get("po_number")),
        "currency": a_text(invoice.get("currency")),
        "total": _decimal(invoice, "total"),
        "paid_amount": _decimal(invoice, "paid"),
        "paid_on": _paid_on(invoice) if paid else None,
        "due_date": day(invoice.get("due_at")),
        "issued_on": day(invoice.get("created_at")),
    }


def from_transaction(transaction: Json, invoice: Json) -> dict[str, object]:
    """The facts of a payment: what was paid now, and the invoice it was for."""
    facts = from_invoice(invoice) if invoice else {}
    account = {**a_map(invoice.get("account")), **_given(a_map(transaction.get("account")))}
    succeeded = transaction.get("success") is True or transaction.get("status") == "success"
    at = transaction.get("collected_at") or transaction.get("created_at")
    return {
        **facts,
        **customer(account),
        "number": facts.get("number") or a_text(a_map(transaction.get("invoice")).get("number")),
        "currency": a_text(transaction.get("currency")) or facts.get("currency"),
        "paid_amount": _decimal(transaction, "amount") if succeeded else None,
        "paid_on": day(at) if succeeded else None,
    }


def from_subscription(subscription: Json) -> dict[str, object]:
    """The facts of a subscription; `number` stays empty, for it has none of its own."""
    return {
        **customer(a_map(subscription.get("account"))),
        "our_number": a_text(subscription.get("po_number")),
        "currency": a_text(subscription.get("currency")),
        "total": _decimal(subscription, "total"),
        "issued_on": day(subscription.get("created_at")),
    }


def from_xml_invoice(content: Json) -> dict[str, object]:
    invoice = a_map(content.get("invoice"))
    currency = a_text(invoice.get("currency"))
    total, balance = (cents(invoice, f"{name}_in_cents", currency) for name in ("total", "balance"))
    paid = total - balance if total is not None and balance is not None else None
    number = a_text(invoice.get("invoice_number"))
    prefix = a_text(invoice.get("invoice_number_prefix")) or ""
    return {
        **xml_customer(content),
        "number": f"{prefix}{number}" if number else None,
        "our_number": a_text(invoice.get("po_number")),
        "currency": currency,
        "total": total,
        "paid_amount": paid,
        "paid_on": day(invoice.get("closed_at")) if invoice.get("state") == "paid" else None,
        "due_date": day(invoice.get("due_on")),
        "issued_on": day(invoice.get("created_at")),
    }  # fmt: skip


def from_xml_payment(content: Json) -> dict[str, object]:
    transaction = a_map(content.get("transaction"))
    succeeded = transaction.get("status") == "success"
    amount = cents(transaction, "amount_in_cents", a_text(transaction.get("currency")))
    return {
        **xml_customer(content),
        "number": a_text(transaction.get("invoice_number")),
        "our_number": a_text(transaction.get("po_number")),
        "currency": a_text(transaction.get("currency")),
        "paid_amount": amount if succeeded else None,
        "paid_on": day(transaction.get("date")) if succeeded else None,
    }


def from_xml_subscription(content: Json) -> dict[str, object]:
    subscription = a_map(content.get("subscription"))
    currency = a_text(subscription.get("currency"))
    return {
        **xml_customer(content),
        "our_number": a_text(subscription.get("po_number")),
        "currency": currency,
        "total": cents(subscription, "total_amount_in_cents", currency),
        "issued_on": day(subscription.get("activated_at")),
    }


def customer(account: Json) -> dict[str, object]:
    """Who is billed: the person's name, else the company's."""
    names = [a_text(account.get("first_name")), a_text(account.get("last_name"))]
    name = " ".join(part for part in names if part) or a_text(account.get("company"))
    return {"customer_email": people.email(a_text(account.get("email"))), "customer_name": name}


def xml_customer(content: Json) -> dict[str, object]:
    account = a_map(content.get("account"))
    return customer({**account, "company": account.get("company_name")})


def cents(values: Json, name: str, currency: str | None) -> Decimal | None:
    """An amount of hundredths in major units; None for a currency that has none, where Recurly
    does not say what its number means."""
    number = _decimal(values, name)
    if number is None or currency in WHOLE:
        return None
    return number.scaleb(-2)


def day(value: object) -> str | None:
    """The day of a time, in UTC. Raises Unreadable for what is no time."""
    at = time(value)
    return at.astimezone(UTC).date().isoformat() if at else None


def time(value: object) -> datetime | None:
    text = a_text(value)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"{text[:40]!r} is not a time") from error


def _paid_on(invoice: Json) -> str | None:
    """When it was closed, else when its last successful payment was made."""
    if closed := day(invoice.get("closed_at")):
        return closed
    payments = [a_map(each) for each in a_list(invoice.get("transactions"))]
    days = [day(each.get("collected_at") or each.get("created_at"))
            for each in payments if each.get("status") == "success"]  # fmt: skip
    return max((each for each in days if each), default=None)


def _decimal(values: Json, name: str) -> Decimal | None:
    text = a_text(values.get(name))
    if text is None:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise Unreadable(f"{name} is not a number: {text[:40]!r}") from error
    if not number.is_finite():
        raise Unreadable(f"{name} is not a number: {text[:40]!r}")
    return number


def _given(values: Json) -> dict[str, object]:
    return {name: value for name, value in values.items() if value not in (None, "")}
