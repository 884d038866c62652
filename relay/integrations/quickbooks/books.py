"""The company's documents that carry numbers of ours, for whoever compares both sides."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from relay.core.facts import a_map, a_text
from relay.http import Http
from relay.integration import Connection, InBooks, Span
from relay.integrations.quickbooks.client import Company, quoted
from relay.integrations.quickbooks.complete import OUR_NUMBER
from relay.integrations.quickbooks.documents import KINDS, net

PAGE = 1000


async def books(connection: Connection, http: Http, now: datetime, span: Span) -> Sequence[InBooks]:
    """Sales by the time they were made: their own date may be any."""
    company = Company(connection=connection, http=http, now=now)
    where = (
        f"MetaData.CreateTime >= {quoted(_time(span.first))}"
        f" and MetaData.CreateTime < {quoted(_time(span.after))}"
    )
    found: list[InBooks] = []
    for kind in KINDS.values():
        start = 1
        while True:
            rows = await company.select(kind.entity, where, limit=PAGE, start=start)
            found += [_read(company, kind.entity, row) for row in rows if _is_ours(row)]
            if len(rows) < PAGE:
                break
            start += PAGE
    known = {one.number for one in found}
    for number in span.numbers:
        if number not in known:
            found += await _numbered(company, number)
    return found


async def _numbered(company: Company, number: str) -> list[InBooks]:
    """A document that was made at another time."""
    for kind in KINDS.values():
        rows = await company.select(kind.entity, f"DocNumber = {quoted(number)}")
        if rows:
            return [_read(company, kind.entity, rows[0])]
    return []


def _is_ours(row: Mapping[str, object]) -> bool:
    return OUR_NUMBER.fullmatch(a_text(row.get("DocNumber")) or "") is not None


def _read(company: Company, entity: str, row: Mapping[str, object]) -> InBooks:
    id, number = a_text(row.get("Id")), a_text(row.get("DocNumber")) or ""
    return InBooks(
        number=number,
        id=id,
        external_number=number,
        amount=net(row),
        currency=a_text(a_map(row.get("CurrencyRef")).get("value")),
        url=company.page(entity, id or ""),
    )


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
