"""Laws of the QuickBooks connector that hold for every amount and every text."""

from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given
from hypothesis import strategies as st

from relay.integrations.quickbooks import sandbox_query
from relay.integrations.quickbooks.client import quoted
from relay.integrations.quickbooks.sale import Line, cent_of, priced

CENTS = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents) / 100)
QUANTITIES = st.integers(1, 10_000).map(Decimal) | st.integers(1, 99_999).map(
    lambda thousandths: Decimal(thousandths) / 1000
)
DASHES = "\u2013\u2014\u2018\u2019\u201c\u201d"


@given(amount=CENTS, quantity=QUANTITIES)
def test_a_line_keeps_its_amount_and_each_part_is_quantity_times_price(
    amount: Decimal, quantity: Decimal
) -> None:
    cent = cent_of("USD")
    parts = priced(Line(amount=amount, quantity=quantity), cent)
    assert sum(part.amount for part in parts) == amount
    assert 1 <= len(parts) <= 2
    for part in parts:
        assert part.amount == part.amount.quantize(cent)
        price = part.amount / part.quantity
        assert price == price.quantize(cent)
        assert (price * part.quantity).quantize(cent, ROUND_HALF_UP) == part.amount


@given(text=st.text(st.characters(codec="utf-8", exclude_characters=DASHES)))
def test_any_text_in_a_query_is_read_back_as_it_was(text: str) -> None:
    statement = f"select * from Item where Name = {quoted(text)} maxresults 1"  # noqa: S608
    query = sandbox_query.read(statement)
    assert query.where[0].values == [text]
