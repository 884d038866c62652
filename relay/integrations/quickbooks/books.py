"""The company's documents that carry numbers of ours, for whoever compares both sides.

A sale has our number as its document number, a payment as its reference number, by which QuickBooks
cannot be asked: one that was made at another time is read by its id.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from relay.core.facts import a_map, a_text
from relay.http import Http
from relay.integration import Connection, InBooks, Span
from relay.integrations.quickbooks.client import Company, quoted
from relay.integrations.quickbooks.complete import OUR_NUMBER
from relay.integrations.quickbooks.documents import KINDS, net
from relay.integrations.quickbooks.faults import NOT_FOUND, Refused
from relay.integrations.quickbooks.payment import PAGE as PAYMENT_PAGE

PAGE = 1000
PAYMENT = "Payment"
SALES = tuple(kind.entity for kind in KINDS.values())


async def books(connection: Connection, http: Http, now: datetime, span: Span) -> Sequence[InBooks]:
    """By the time they were made: their own date may be any."""
    company = Company(connection=connection, http=http, now=now)
    where = (
        f"MetaData.CreateTime >= {quoted(_time(span.first))}"
        f" and MetaData.CreateTime < {quoted(_time(span.after))}"
    )
    found: list[InBooks] = []
    for entity in (*SALES, PAYMENT):
        start = 1
        while True:
            rows = await company.select(entity, where, limit=PAGE, start=start)
            found += [_read(company, entity, row) for row in rows if _is_ours(entity, row)]
            if len(rows) < PAGE:
                break
            start += PAGE
    known = {one.number for one in found}
    for number, id in span.numbers.items():
        if number not in known:
            found += await _numbered(company, number) or await _payment(company, number, id)
    return found


async def _numbered(company: Company, number: str) -> list[InBooks]:
    """A sale that was made at another time."""
    for entity in SALES:
        rows = await company.select(entity, f"DocNumber = {quoted(number)}")
        if rows:
            return [_read(company, entity, rows[0])]
    return []


async def _payment(company: Company, number: str, id: str | None) -> list[InBooks]:
    """A payment that was made at another time."""
    try:
        row = await company.read(PAYMENT, id) if id else {}
    except Refused as refusal:
        if refusal.code != NOT_FOUND:
            raise
        return []
    return [_read(company, PAYMENT, row)] if _number(PAYMENT, row) == number else []


def _is_ours(entity: str, row: Mapping[str, object]) -> bool:
    return OUR_NUMBER.fullmatch(_number(entity, row)) is not None


def _number(entity: str, row: Mapping[str, object]) -> str:
    return a_text(row.get("PaymentRefNum" if entity == PAYMENT else "DocNumber")) or ""


def _read(company: Company, entity: str, row: Mapping[str, object]) -> InBooks:
    id, number = a_text(row.get("Id")), _number(entity, row)
    is_payment = entity == PAYMENT
    return InBooks(
        number=number,
        id=id,
        external_number=number,
        amount=Decimal(a_text(row.get("TotalAmt")) or 0) if is_payment else net(row),
        currency=a_text(a_map(row.get("CurrencyRef")).get("value")),
        url=company.page(PAYMENT_PAGE if is_payment else entity, id or ""),
    )


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
