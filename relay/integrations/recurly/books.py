"""The site's invoices that carry numbers of ours, for whoever compares both sides."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from relay.core.facts import a_list, a_map, a_text
from relay.http import Http
from relay.integration import Connection, InBooks, Span
from relay.integrations.recurly.api import Api, connect

MOST_PAGES = 500


async def books(connection: Connection, http: Http, now: datetime, span: Span) -> Sequence[InBooks]:
    """Every charge invoice of the time whose PO number is there: ours are among them."""
    api = await connect(connection, http, now)
    query: Mapping[str, str] | None = {
        "begin_time": _time(span.first),
        "end_time": _time(span.after),
        "sort": "created_at",
        "order": "asc",
        "limit": "200",
    }
    path, found = "/invoices", list[InBooks]()
    for _ in range(MOST_PAGES):
        page = await api.get(path, query)
        rows = [a_map(row) for row in a_list(page.get("data"))]
        found += [_read(connection, row) for row in rows if _counts(row)]
        following = a_text(page.get("next"))
        # A path on the same host: anything else would get our key.
        if not page.get("has_more") or not following or not following.startswith("/"):
            break
        path, query = following, None
    known = {one.number for one in found}
    for number, id in span.numbers.items():
        if number not in known and id:
            found += await _numbered(connection, api, number, id)
    return found


async def _numbered(connection: Connection, api: Api, number: str, id: str) -> list[InBooks]:
    """An invoice that was made at another time; or a subscription, which in its trial has none."""
    for kind in ("invoices", "subscriptions"):
        row = await api.find(f"/{kind}/{quote(id, safe='')}") or {}
        if a_text(row.get("po_number")) == number:
            one = _read(connection, row)
            return [one if kind == "invoices" else replace(one, amount=None, url=None)]
    return []


def _counts(row: Mapping[str, object]) -> bool:
    return bool(a_text(row.get("po_number"))) and row.get("type") != "credit"


def _read(connection: Connection, row: Mapping[str, object]) -> InBooks:
    site, number = a_text(connection.settings.get("site")), a_text(row.get("number"))
    return InBooks(
        number=a_text(row.get("po_number")) or "",
        id=a_text(row.get("id")),
        external_number=number,
        amount=row.get("subtotal"),
        currency=a_text(row.get("currency")),
        url=f"https://{site}.recurly.com/invoices/{number}" if site else None,
    )


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
