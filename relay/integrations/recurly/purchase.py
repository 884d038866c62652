"""From a rule's parameters and the deal's records to the body of `POST /purchases`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from relay.core.facts import a_map, a_text
from relay.integration import Call, Deal
from relay.integrations.recurly.money import (
    amount_of,
    currency_of,
    quantity_of,
    unit_price,
    wrong,
)

LONGEST_CODE = 50
LONGEST_COMPANY = 50
LONGEST_NAME = 255
LONGEST_DESCRIPTION = 255
DUE_DAYS = 30
MANUAL = "manual"
COLLECTION = (MANUAL, "automatic")

_ITEM_CODE = re.compile(r"[a-z0-9_+-]{1,50}")
# Recurly checks addresses of its own; only what no mail server could mean is kept back.
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One charge: the price of one, how many, and what for (`item` is an item code)."""

    price: Decimal
    quantity: int
    description: str
    item: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What is to be booked, checked: a plan, lines, or both."""

    account_code: str
    currency: str
    terms: Mapping[str, object]
    plan: str | None
    quantity: int
    plan_price: Decimal | None
    lines: Sequence[Line]
    email: str | None


def read(call: Call) -> Purchase:
    """The checked purchase. Raises InvalidInput that names the parameter."""
    params = call.params
    currency = currency_of(params.get("currency"))
    plan = a_text(params.get("plan_code"))
    quantity = quantity_of("quantity", params.get("quantity"))
    if plan is None and (call.verb == "subscription" or not _has_price(params)):
        needed = "a plan_code" if call.verb == "subscription" else "plan_code, amount or lines"
        raise wrong("plan_code", f"is missing: a {call.verb} takes {needed}")
    price = _amount(params, quantity, currency)
    lines = _lines(params, currency)
    if plan is None and price is not None:
        lines = [_whole(call, price, quantity), *lines]
    return Purchase(
        account_code=account_code(params),
        currency=currency,
        terms=terms_of(call),
        plan=plan,
        quantity=quantity,
        plan_price=price if plan else None,
        lines=lines,
        email=email_of(call),
    )


def body(purchase: Purchase, call: Call, *, known: bool) -> dict[str, object]:
    """The request. A known account is named and nothing more: what people changed in Recurly
    stays."""
    made: dict[str, object] = {
        "currency": purchase.currency,
        **purchase.terms,
        "po_number": call.number,
        "account": {"code": purchase.account_code} if known else _account(purchase, call.deal),
    }
    if purchase.plan:
        made["subscriptions"] = [_subscription(purchase)]
    if purchase.lines:
        made["line_items"] = [_line_item(line, purchase.currency) for line in purchase.lines]
    return made


def _has_price(params: Mapping[str, object]) -> bool:
    return params.get("amount") is not None or bool(params.get("lines"))


def _amount(params: Mapping[str, object], quantity: int, currency: str) -> Decimal | None:
    """The price of one, where the rule says what the whole costs."""
    if params.get("amount") is None:
        return None
    amount = amount_of("amount", params["amount"], currency)
    return unit_price("amount", amount, quantity, currency)


def _whole(call: Call, price: Decimal, quantity: int) -> Line:
    """The deal as one line."""
    name = a_text(call.deal.item.get("name")) or call.number
    return Line(price=price, quantity=quantity, description=name[:LONGEST_DESCRIPTION])


def _lines(params: Mapping[str, object], currency: str) -> list[Line]:
    given = params.get("lines")
    if given is None:
        return []
    if not isinstance(given, (list, tuple)) or not given:
        raise wrong("lines", "is a list with at least one line")
    return [_line(f"lines[{place}]", a_map(line), currency) for place, line in enumerate(given)]


def _line(name: str, line: Mapping[str, object], currency: str) -> Line:
    quantity = quantity_of(f"{name}.quantity", line.get("quantity"))
    amount = amount_of(f"{name}.amount", line.get("amount"), currency)
    item = a_text(line.get("item"))
    if item and not _ITEM_CODE.fullmatch(item):
        raise wrong(f"{name}.item", f"is an item code of the Recurly site, not {item!r}")
    description = a_text(line.get("description")) or ""
    if not item and not description:
        raise wrong(f"{name}.description", "is missing, and there is no item code either")
    return Line(
        price=unit_price(f"{name}.amount", amount, quantity, currency),
        quantity=quantity,
        description=description[:LONGEST_DESCRIPTION],
        item=item,
    )


def account_code(params: Mapping[str, object]) -> str:
    """Our code of the account. Raises InvalidInput."""
    code = a_text(params.get("account_code"))
    if not code:
        raise wrong("account_code", "is missing: the deal has no account to bill")
    if len(code) > LONGEST_CODE:
        raise wrong("account_code", f"is longer than {LONGEST_CODE} characters")
    return code


def email_of(call: Call) -> str | None:
    """The rule's, else the contact's. Raises InvalidInput."""
    email = a_text(call.params.get("email")) or a_text(call.deal.contact.get("email"))
    if email and not _EMAIL.fullmatch(email):
        raise wrong("email", f"is not an address: {email!r}")
    return email


def terms_of(call: Call) -> dict[str, object]:
    """How it is paid: by hand unless the rule asks otherwise. A won deal has no card on file, and
    Recurly, left alone, charges one."""
    asked = a_text(call.params.get("collection")) or MANUAL
    if asked not in COLLECTION:
        raise wrong("collection", f"is {' or '.join(COLLECTION)}, not {asked!r}")
    if asked != MANUAL:
        return {"collection_method": asked}
    return {"collection_method": MANUAL, "net_terms": _net_terms(call.connection.settings)}


def _net_terms(settings: Mapping[str, object]) -> int:
    given = a_text(settings.get("net_terms"))
    if given is None:
        return DUE_DAYS
    if not (given.isascii() and given.isdigit() and len(given) < len("1000")):
        raise wrong("net_terms", "of the connection is a number of days")
    return int(given)


def _account(purchase: Purchase, deal: Deal) -> dict[str, object]:
    """The account as it is made when the code is new."""
    contact = deal.contact
    phone = a_text(contact.get("phone"))
    made = {
        "code": purchase.account_code,
        "email": purchase.email,
        "first_name": cut_to_fit(contact.get("first_name"), LONGEST_NAME),
        "last_name": cut_to_fit(contact.get("last_name"), LONGEST_NAME),
        "company": cut_to_fit(deal.account.get("name"), LONGEST_COMPANY),
        "address": {"phone": phone} if phone else None,
    }
    return {name: value for name, value in made.items() if value is not None}


def _subscription(purchase: Purchase) -> dict[str, object]:
    made: dict[str, object] = {"plan_code": purchase.plan, "quantity": purchase.quantity}
    if purchase.plan_price is not None:
        made["unit_amount"] = purchase.plan_price
    return made


def _line_item(line: Line, currency: str) -> dict[str, object]:
    """Recurly takes no description beside an item code: the item has its own."""
    what = {"item_code": line.item} if line.item else {"description": line.description}
    return {
        "type": "charge",
        "currency": currency,
        "unit_amount": line.price,
        "quantity": line.quantity,
        **what,
    }


def cut_to_fit(value: object, longest: int) -> str | None:
    """The text, as much of it as Recurly takes."""
    text = a_text(value)
    return text[:longest] if text else None
