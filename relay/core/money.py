"""Amounts in a currency's smallest unit, which some senders give, as amounts in major units."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from relay.core.errors import Unreadable
from relay.core.facts import a_text

# ISO 4217, list one: how many decimals a currency has where it is not two.
DECIMALS: Mapping[str, int] = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
         "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}  # fmt: skip


def number(value: object, name: str) -> Decimal | None:
    """The number that stands there; None for nothing. Raises Unreadable for what is none."""
    text = a_text(value)
    if text is None:
        return None
    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise Unreadable(f"{name} is not a number: {text[:40]!r}") from error
    if not found.is_finite():
        raise Unreadable(f"{name} is not a number: {text[:40]!r}")
    return found


def major(
    value: object, currency: str | None, name: str, decimals: Mapping[str, int] = DECIMALS
) -> Decimal | None:
    """`1250` of USD is 12.50, of JPY 1250. Raises Unreadable for what is no number."""
    found = number(value, name)
    return None if found is None else found.scaleb(-decimals.get((currency or "").upper(), 2))
