"""What a rule gives as an amount, a quantity or a currency, made exact or refused."""

import re
from decimal import Decimal, InvalidOperation

from relay.core.errors import InvalidInput

# ISO 4217: currencies that have no minor unit.
WHOLE = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
PLACES = 2
LARGEST_QUANTITY = 1_000_000
LARGEST = Decimal(10) ** 11

_CURRENCY = re.compile(r"[A-Z]{3}")


def wrong(name: str, why: str) -> InvalidInput:
    """The refusal of one parameter."""
    return InvalidInput(f"{name} {why}", {name: [why]})


def currency_of(value: object) -> str:
    """A three-letter code in capitals."""
    code = str(value or "").strip().upper()
    if not _CURRENCY.fullmatch(code):
        raise wrong("currency", f"is a three-letter code such as USD, not {value!r}")
    return code


def amount_of(name: str, value: object, currency: str) -> Decimal:
    """An amount above zero with no more places than its currency has: nothing is rounded."""
    if value is None or value == "":
        raise wrong(name, "is missing: without it nothing is booked")
    number = _number(value)
    if number is None:
        raise wrong(name, f"is not an amount: {value!r}")
    if number <= 0:
        raise wrong(name, f"must be above zero to be booked, and is {number}")
    if number >= LARGEST:
        raise wrong(name, f"is too large: {number}")
    places = 0 if currency in WHOLE else PLACES
    if number != round(number, places):
        raise wrong(name, f"has more than {places} decimal places: {number}")
    return number


def quantity_of(name: str, value: object) -> int:
    """A whole number from 1 on; 1 where there is none."""
    number = Decimal(1) if value is None else _number(value)
    if number is None or number != number.to_integral_value():
        raise wrong(name, f"is not a whole number: {value!r}")
    if not 1 <= number <= LARGEST_QUANTITY:
        raise wrong(name, f"must be 1 or more, and is {number}")
    return int(number)


def unit_price(name: str, amount: Decimal, quantity: int, currency: str) -> Decimal:
    """The price of one, where the amount can be divided without a rest."""
    places = 0 if currency in WHOLE else PLACES
    price = round(amount / quantity, places)
    if price * quantity != amount:
        raise wrong(name, f"of {amount} cannot be divided by the quantity {quantity} evenly")
    return price


def _number(value: object) -> Decimal | None:
    """Exact for text, whole numbers and decimals; a float means what it is written as."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
