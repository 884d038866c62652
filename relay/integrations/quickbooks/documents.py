"""Invoices, sales receipts and estimates: one booking, found again before it is sent again."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from relay.core import options
from relay.core.errors import PermanentError
from relay.core.facts import a_map, a_text
from relay.integration import Call, Output
from relay.integrations.quickbooks.client import Company, quoted
from relay.integrations.quickbooks.customer import customer_for
from relay.integrations.quickbooks.faults import (
    DUPLICATE_NUMBER,
    NOT_FOUND,
    UNKNOWN_REFERENCE,
    Refused,
)
from relay.integrations.quickbooks.request_id import request_id
from relay.integrations.quickbooks.sale import LONGEST_NOTE, Line, Sale, priced, read_sale

FALLBACK_ITEM = "Services"
USUAL = "invoice"  # the setting `document` names another


@dataclass(frozen=True, slots=True)
class Kind:
    """One of QuickBooks' documents; `due` names the field that says until when."""

    entity: str
    due: str | None = None


# Whether the lines' amounts are before or after tax; in the US there is no such question.
TAX: Mapping[str, str] = {
    "excluded": "TaxExcluded",
    "included": "TaxInclusive",
    "none": "NotApplicable",
}

KINDS: Mapping[str, Kind] = {
    "invoice": Kind("Invoice", "DueDate"),
    "sales_receipt": Kind("SalesReceipt"),
    "estimate": Kind("Estimate", "ExpirationDate"),
}


async def book(call: Call) -> Output:
    """Books the sale, or finds it booked by an earlier try."""
    settings = call.connection.settings
    kind = KINDS[call.verb if call.verb != "sale" else options.text(settings, "document", USUAL)]
    sale = read_sale(_with_defaults(call.params, settings), call.now.date())
    return await _booked(kind, sale, call)


async def _booked(kind: Kind, sale: Sale, call: Call) -> Output:
    company = Company(connection=call.connection, http=call.http, now=call.now)
    found = await _look(company, kind, call) if call.look_first else None
    if found is not None:
        return found
    known = call.customers.get(sale.currency or "")
    try:
        return await _made(kind, sale, company, known, call)
    except Refused as refusal:
        if not (known and refusal.code in (NOT_FOUND, UNKNOWN_REFERENCE)):
            raise
    # The customer we remember was merged, deleted or made inactive: found anew, once.
    return await _made(kind, sale, company, None, call, "anew")


async def _made(
    kind: Kind, sale: Sale, company: Company, known: str | None, call: Call, *key: str
) -> Output:
    customer = known or await customer_for(company, sale, call)
    items = await _items(company, sale)
    body = _body(kind, sale, customer, items, call)
    try:
        document = await company.create(kind.entity, body, request_id(call, *key))
    except Refused as refusal:
        if not _number_taken(refusal):
            raise
        found = await _look(company, kind, call)
        if found is None:
            raise
        return found
    output = _output(company, kind, document, call)
    return replace(output, customers={sale.currency or "": customer})


def _with_defaults(
    params: Mapping[str, object], settings: Mapping[str, object]
) -> dict[str, object]:
    """What the rule leaves open is as the connection says."""
    defaults = {name: settings.get(name) for name in ("due_days", "currency")}
    given = {name: value for name, value in params.items() if value is not None}
    return {name: value for name, value in {**defaults, **given}.items() if value is not None}


async def _look(company: Company, kind: Kind, call: Call) -> Output | None:
    """The document under our number, when it is ours. Raises PermanentError for a stranger's."""
    rows = await company.select(kind.entity, f"DocNumber = {quoted(call.number)}")
    ours = [row for row in rows if call.reference in (a_text(row.get("PrivateNote")) or "")]
    if ours:
        return _output(company, kind, ours[0], call, found=True)
    if rows:
        raise PermanentError(
            f"QuickBooks has a {kind.entity} {call.number} (id {rows[0].get('Id')}) whose note does"
            f" not say {call.reference!r}: see whether it is this deal's before booking it"
        )
    return None


def _number_taken(refusal: Refused) -> bool:
    """An older list gives the duplicate number another code, so the words count too."""
    return refusal.code == DUPLICATE_NUMBER or "duplicate document number" in str(refusal).lower()


async def _items(company: Company, sale: Sale) -> dict[str | None, str]:
    """The id of each item that the lines name; None stands for the connection's fallback."""
    fallback = a_text(company.connection.settings.get("item")) or FALLBACK_ITEM
    names = dict.fromkeys(line.item for line in sale.lines)
    return {name: await _item(company, name or fallback) for name in names}


async def _item(company: Company, name: str) -> str:
    rows = await company.select("Item", f"Name = {quoted(name)}")
    usable = [row for row in rows if row.get("Type") != "Category"]
    if not usable:
        raise PermanentError(
            f"QuickBooks has no item {name!r}: make it there under Products and services, or name "
            "another one in the rule or in the connection's setting item"
        )
    return a_text(usable[0].get("Id")) or ""


def _body(
    kind: Kind, sale: Sale, customer: str, items: Mapping[str | None, str], call: Call
) -> dict[str, object]:
    settings = call.connection.settings
    tax_code = a_text(call.params.get("tax_code")) or a_text(settings.get("tax_code"))
    lines = [part for line in sale.lines for part in priced(line, sale.cent)]
    body: dict[str, object] = {
        "CustomerRef": {"value": customer},
        "DocNumber": call.number,
        "PrivateNote": call.reference[:LONGEST_NOTE],
        "Line": [_line(line, items[line.item], line.tax_code or tax_code) for line in lines],
    }
    if amounts := TAX.get(options.text(settings, "tax")):
        body["GlobalTaxCalculation"] = amounts
    if kind.entity == "SalesReceipt" and (account := a_text(settings.get("deposit_account"))):
        body["DepositToAccountRef"] = {"value": account}
    if sale.on:
        body["TxnDate"] = sale.on.isoformat()
    if sale.due and kind.due:
        body[kind.due] = sale.due.isoformat()
    if sale.email:
        body["BillEmail"] = {"Address": sale.email}
    if sale.currency:
        body["CurrencyRef"] = {"value": sale.currency}
    return body


def _line(line: Line, item: str, tax_code: str | None) -> dict[str, object]:
    detail: dict[str, object] = {
        "ItemRef": {"value": item},
        "Qty": line.quantity,
        "UnitPrice": line.amount / line.quantity,
    }
    if tax_code:
        detail["TaxCodeRef"] = {"value": tax_code}
    whole: dict[str, object] = {
        "Amount": line.amount,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": detail,
    }
    return whole | ({"Description": line.description} if line.description else {})


def _output(
    company: Company,
    kind: Kind,
    document: Mapping[str, object],
    call: Call,
    *,
    found: bool = False,
) -> Output:
    id = a_text(document.get("Id")) or ""
    return Output(
        data={
            "id": id,
            "number": a_text(document.get("DocNumber")) or call.number,
            "url": company.page(kind.entity, id),
        },
        found=found,
        amount=net(document),
        currency=a_text(a_map(document.get("CurrencyRef")).get("value"))
        or a_text(call.params.get("currency")),
    )


def net(document: Mapping[str, object]) -> Decimal | None:
    """What the lines come to: the tax that QuickBooks adds is not the deal's."""
    total = a_text(document.get("TotalAmt"))
    if total is None:
        return None
    added = document.get("GlobalTaxCalculation") != "TaxInclusive"
    tax = a_text(a_map(document.get("TxnTaxDetail")).get("TotalTax")) if added else None
    return Decimal(total) - Decimal(tax or 0)
