"""What a rule gives for a booking, made exact before anything is sent."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation

from relay.core.errors import InvalidInput

# ISO 4217: currencies that have no minor unit.
WHOLE = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split()  # noqa: SIM905
)
LONGEST_DESCRIPTION = 4000
LONGEST_NOTE = 4000
LARGEST = Decimal(10) ** 11
MOST_LINES = 100

_CURRENCY = re.compile(r"[A-Z]{3}")
_LINE_KEYS = frozenset({"item", "description", "quantity", "amount", "tax_code"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: `amount` is the whole of it, `quantity` times the price of one."""

    amount: Decimal
    item: str | None = None
    description: str | None = None
    quantity: Decimal = Decimal(1)
    tax_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """One document to book."""

    customer: str
    lines: Sequence[Line]
    email: str | None = None
    on: date | None = None
    due: date | None = None
    currency: str | None = None

    @property
    def cent(self) -> Decimal:
        return cent_of(self.currency)


def read_sale(params: Mapping[str, object], today: date) -> Sale:
    """The sale that the parameters describe. Raises InvalidInput."""
    currency = _currency(params.get("currency"))
    on = day("date", params.get("date"))
    return Sale(
        customer=name_of(params.get("customer")),
        email=_text(params.get("email")),
        lines=_lines(params, cent_of(currency)),
        on=on,
        due=_due(params.get("due_days"), on or today),
        currency=currency,
    )


def money(name: str, value: object, currency: object) -> Decimal:
    """An amount above zero, rounded to the cent. Raises InvalidInput."""
    amount = _amount(name, value, cent_of(_currency(currency)))
    if amount <= 0:
        raise _wrong(name, f"must be above zero to be booked: {amount}")
    return amount


def cent_of(currency: str | None) -> Decimal:
    """The smallest amount of a currency."""
    return Decimal(1) if currency in WHOLE else Decimal("0.01")


def priced(line: Line, cent: Decimal) -> Sequence[Line]:
    """The line as lines whose amount is exactly quantity times a price in whole cents, as
    QuickBooks demands: what is left over stands in a line of its own. Where the quantity is not a
    whole number and does not divide, it moves into the description."""
    price = line.amount / line.quantity
    rounded = price.quantize(cent, ROUND_DOWN)
    if rounded * line.quantity == line.amount:
        return [line]
    if line.quantity != line.quantity.to_integral_value():
        words = f"{line.quantity:f} of {line.description or line.item or 'this'}"
        return [replace(line, quantity=Decimal(1), description=words)]
    whole = replace(line, amount=rounded * line.quantity)
    left = line.amount - whole.amount
    return [whole, replace(line, amount=left, quantity=Decimal(1), description="Rounding")]


def _lines(params: Mapping[str, object], cent: Decimal) -> Sequence[Line]:
    amount, given = params.get("amount"), params.get("lines")
    lines = [_line(each, index, cent) for index, each in enumerate(_listed(given))]
    if not lines:
        lines = [Line(amount=_amount("amount", amount, cent))]
    total = sum((line.amount for line in lines), Decimal(0))
    if total <= 0:
        raise _wrong("lines" if given else "amount", f"must be above zero to be booked: {total}")
    if given and amount is not None and total != _amount("amount", amount, cent):
        raise _wrong("amount", f"is {amount}, and the lines add up to {total}")
    return lines


def _listed(value: object) -> Sequence[object]:
    if value is None:
        return []
    if not isinstance(value, (list, tuple)) or not value:
        raise _wrong("lines", "must be a list of one line or more")
    if len(value) > MOST_LINES:
        raise _wrong("lines", f"must not be more than {MOST_LINES}")
    return value


def _line(value: object, index: int, cent: Decimal) -> Line:
    name = f"lines[{index}]"
    if not isinstance(value, Mapping):
        raise _wrong(name, "must be a map with an amount")
    unknown = sorted(str(key) for key in value.keys() - _LINE_KEYS)
    if unknown:
        raise _wrong(
            name, f"has no {unknown[0]}: a line has amount, item, description, quantity, tax_code"
        )
    description = _text(value.get("description"))
    return Line(
        amount=_amount(f"{name}.amount", value.get("amount"), cent),
        item=_text(value.get("item")),
        description=description[:LONGEST_DESCRIPTION] if description else None,
        quantity=_quantity(f"{name}.quantity", value.get("quantity")),
        tax_code=_text(value.get("tax_code")),
    )


def _amount(name: str, value: object, cent: Decimal) -> Decimal:
    """Rounded to the cent, half up, as QuickBooks rounds."""
    number = _number(name, value)
    if abs(number) >= LARGEST:
        raise _wrong(name, f"is too large: {number}")
    return number.quantize(cent, ROUND_HALF_UP)


def _quantity(name: str, value: object) -> Decimal:
    number = Decimal(1) if value is None else _number(name, value)
    if not 0 < number < LARGEST:
        raise _wrong(name, f"must be above zero, and is {number}")
    return number


def _number(name: str, value: object) -> Decimal:
    """Exact for text, whole numbers and decimals; a float means what it is written as."""
    if value is None or value == "":
        raise _wrong(name, "is missing: without it nothing is booked")
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
            raise InvalidOperation
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise _wrong(name, f"is not a number: {value!r}") from None
    if not number.is_finite():
        raise _wrong(name, f"is not a number: {value!r}")
    return number


def _due(days: object, start: date) -> date | None:
    if days is None:
        return None
    number = _number("due_days", days)
    if number != number.to_integral_value() or not 0 <= number <= 3650:  # noqa: PLR2004 - ten years
        raise _wrong("due_days", f"must be a whole number of days, and is {days}")
    return start + timedelta(days=int(number))


def day(name: str, value: object) -> date | None:
    """A date from a date, `YYYY-MM-DD`, RFC 3339, or 13 or 10 digits since the epoch."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value).strip()
    try:
        if text.isascii() and text.isdigit() and len(text) in (10, 13):
            seconds = int(text) / 1000 if len(text) == 13 else int(text)  # noqa: PLR2004 - digits
            return datetime.fromtimestamp(seconds, UTC).date()
        return datetime.fromisoformat(text).date()
    except (ValueError, OverflowError, OSError):
        raise _wrong(name, f"is not a date: {value!r}") from None


def _currency(value: object) -> str | None:
    if value is None or value == "":
        return None
    code = str(value).strip().upper()
    if not _CURRENCY.fullmatch(code):
        raise _wrong("currency", f"must be a three-letter code such as USD, not {value!r}")
    return code


def name_of(value: object) -> str:
    """A customer's name as QuickBooks takes it: no colon (it divides sub-customers), no tab, no
    line break."""
    name = " ".join(str(value or "").replace(":", " ").split())
    if not name:
        raise _wrong("customer", "is missing: the deal has no account with a name to book it on")
    return name


def _text(value: object) -> str | None:
    return str(value).strip() or None if value is not None else None


def _wrong(name: str, why: str) -> InvalidInput:
    return InvalidInput(f"{name} {why}", {name: [why]})
