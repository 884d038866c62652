"""The sandbox's company: its items, customers and documents, and what it refuses to write.

developer.intuit.com, "Customer", "Invoice", "SalesReceipt", "Estimate", "Payment".
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from relay.core.facts import a_list, a_map, a_text
from relay.integration import Books
from relay.integrations.quickbooks.sandbox_fields import day, limited, money, ref, string
from relay.integrations.quickbooks.sandbox_rules import (
    Refusal,
    missing,
    not_found,
    unknown_reference,
    unsupported,
)

HOME = "USD"
ITEMS = ("Services", "Training")
ENTITIES = ("Customer", "Item", "Invoice", "SalesReceipt", "Estimate", "Payment")
SALES = ("Invoice", "SalesReceipt", "Estimate")
BOOKED = (*SALES, "Payment")
# Names that a customer cannot have: the books' kinds Vendor and Employee.
NAMED = ("Customer", "Vendor", "Employee")

LONGEST_NUMBER = 21
LONGEST_NOTE = 4000
CENT = Decimal("0.01")

_SALE_KEYS = frozenset(
    {"CustomerRef", "DocNumber", "PrivateNote", "Line", "TxnDate", "DueDate", "BillEmail",
     "CurrencyRef", "CustomerMemo", "SalesTermRef", "TxnTaxDetail", "BillAddr", "ShipAddr",
     "GlobalTaxCalculation"}
)  # fmt: skip
KEYS: Mapping[str, frozenset[str]] = {
    "Customer": frozenset(
        {"DisplayName", "CompanyName", "GivenName", "FamilyName", "PrimaryEmailAddr",
         "PrimaryPhone", "BillAddr", "CurrencyRef", "Notes", "Active", "Taxable", "Id", "SyncToken",
         "sparse"}
    ),
    "Item": frozenset({"Name", "Type", "Sku", "Description", "UnitPrice", "Active",
                       "IncomeAccountRef"}),
    "Invoice": _SALE_KEYS,
    "SalesReceipt": _SALE_KEYS - {"DueDate"} | {"PaymentRefNum", "DepositToAccountRef"},
    "Estimate": _SALE_KEYS | {"ExpirationDate", "TxnStatus"},
    "Payment": frozenset({"CustomerRef", "TotalAmt", "Line", "TxnDate", "PrivateNote",
                          "CurrencyRef", "PaymentRefNum", "DepositToAccountRef"}),
}  # fmt: skip
_LINE_KEYS = frozenset(
    {"Amount", "DetailType", "Description", "SalesItemLineDetail", "LinkedTxn", "LineNum", "Id"}
)
_DETAIL_KEYS = frozenset({"ItemRef", "Qty", "UnitPrice", "TaxCodeRef", "ServiceDate", "ClassRef"})

Document = dict[str, object]


def furnish(books: Books) -> None:
    """A new company has its items."""
    if not books.find("Item", Name=ITEMS[0]):
        for name in ITEMS:
            id = str(books.next_id("Item"))
            item = {"Id": id, "Name": name, "FullyQualifiedName": name, "Type": "Service"}
            books.put("Item", id, {**item, "Active": True, "SyncToken": "0", "domain": "QBO",
                                   "sparse": False})  # fmt: skip


def read(books: Books, entity: str, id: str) -> Document:
    """One document. Raises Refusal 610."""
    document = books.get(entity, id)
    if document is None:
        raise not_found(entity, id)
    return document


def create(books: Books, entity: str, body: Mapping[str, object], now: datetime) -> Document:
    """Writes a document and returns it as it stands in the books."""
    if unknown := sorted(set(body) - KEYS[entity]):
        raise unsupported(unknown[0])
    if "Id" in body:
        return _change(books, entity, body, now)
    made = _MAKERS[entity](books, body, now)
    # Documents share one row of ids; so do names among themselves.
    counter = "Txn" if entity in BOOKED else entity
    id = str(books.next_id(counter))
    stamp = now.isoformat(timespec="seconds")
    document = {
        **body,
        **made,
        "Id": id,
        "SyncToken": "0",
        "domain": "QBO",
        "sparse": False,
        "MetaData": {"CreateTime": stamp, "LastUpdatedTime": stamp},
    }
    books.put(entity, id, document)
    if entity == "Payment":
        _apply(books, document)
    return document


def _change(books: Books, entity: str, body: Mapping[str, object], now: datetime) -> Document:
    """A sparse change; a token that somebody else has used up meanwhile is stale."""
    known = read(books, entity, string(body, "Id"))
    if string(body, "SyncToken") != known["SyncToken"]:
        raise Refusal("5010", "Stale Object Error", "Stale Object Error : You and another user were"
                      " working on this at the same time.")  # fmt: skip
    if body.get("sparse") is not True:
        raise unsupported("sparse")  # without it, what is not sent would be emptied
    changed = {
        **known,
        **{name: value for name, value in body.items() if name not in ("sparse", "Id")},
        "SyncToken": str(int(str(known["SyncToken"])) + 1),
        "MetaData": {**a_map(known.get("MetaData")), "LastUpdatedTime": now.isoformat()},
    }
    books.put(entity, str(known["Id"]), changed)
    return changed


def touch(books: Books, entity: str, id: str) -> None:
    """Somebody else changes the document."""
    known = books.get(entity, id)
    if known is not None:
        books.put(entity, id, {**known, "SyncToken": str(int(str(known["SyncToken"])) + 1)})


def _customer(books: Books, body: Mapping[str, object], now: datetime) -> Document:
    del now
    name = string(body, "DisplayName")
    if not name:
        raise missing("DisplayName")
    if re.search(r"[:\t\r\n]", name):
        raise unsupported("DisplayName")
    if any(_same_name(each, name) for kind in NAMED for each in books.all(kind)):
        raise Refusal(
            "6240",
            "Duplicate Name Exists Error",
            f"The name supplied already exists. : Another customer, vendor or employee is {name}",
        )
    currency = ref(body, "CurrencyRef") or HOME
    return {
        "FullyQualifiedName": name,
        "PrintOnCheckName": name,
        "Active": body.get("Active", True),
        "Balance": Decimal(0),
        "CurrencyRef": {"value": currency},
    }


def _item(books: Books, body: Mapping[str, object], now: datetime) -> Document:
    del now
    name = string(body, "Name")
    if not name:
        raise missing("Name")
    if books.find("Item", Name=name):
        raise Refusal("6240", "Duplicate Name Exists Error", "The name supplied already exists.")
    return {"FullyQualifiedName": name, "Active": True, "Type": body.get("Type", "Service")}


def _sale(books: Books, body: Mapping[str, object], now: datetime, entity: str) -> Document:
    lines = [a_map(line) for line in a_list(body.get("Line"))]
    if not lines:
        raise missing("Line")
    customer = _customer_of(books, body)
    on = day(body, "TxnDate") or now.date().isoformat()
    company = books.get("company", "1") or {}
    _check_open(company, on)
    total = sum((_line(books, line) for line in lines), Decimal(0))
    _check_taxed(company, body, lines)
    if total < 0:
        raise Refusal("6000", "A business validation error has occurred while processing your"
                      " request", "Business Validation Error: Transaction amount must be 0 or"
                      " greater.")  # fmt: skip
    return {
        "DocNumber": _number(books, body, entity),
        **({"PrivateNote": note} if (note := limited(body, "PrivateNote", LONGEST_NOTE)) else {}),
        "TxnDate": on,
        "CustomerRef": {"value": customer["Id"], "name": customer["DisplayName"]},
        "CurrencyRef": {"value": _currency(body, customer)},
        "Line": [{**line, "Id": str(index), "LineNum": index}
                 for index, line in enumerate(lines, 1)],
        "TotalAmt": total,
    }  # fmt: skip


def _check_open(company: Mapping[str, object], on: str) -> None:
    """The books are closed up to the day that the company says."""
    closed = a_text(company.get("closed_until"))
    if closed and on <= closed:
        raise Refusal("6210", "Account Period Closed", "The account period has closed and the"
                      f" account books cannot be updated through {closed}.")  # fmt: skip


def _check_taxed(
    company: Mapping[str, object], body: Mapping[str, object], lines: list[Mapping[str, object]]
) -> None:
    """Outside the US each line says its tax."""
    if a_text(company.get("country")) in (None, "US"):
        return
    if body.get("GlobalTaxCalculation") == "NotApplicable":
        return
    if all(ref(a_map(line.get("SalesItemLineDetail")), "TaxCodeRef") for line in lines):
        return
    raise Refusal("6000", "A business validation error has occurred while processing your request",
                  "Business Validation Error: Make sure all your transactions have a GST/HST rate"
                  " before you save.")  # fmt: skip


def _invoice(books: Books, body: Mapping[str, object], now: datetime) -> Document:
    made = _sale(books, body, now, "Invoice")
    due = day(body, "DueDate") or made["TxnDate"]
    return {**made, "Balance": made["TotalAmt"], "DueDate": due, "EmailStatus": "NotSet"}


def _receipt(books: Books, body: Mapping[str, object], now: datetime) -> Document:
    return {**_sale(books, body, now, "SalesReceipt"), "Balance": Decimal(0)}


def _estimate(books: Books, body: Mapping[str, object], now: datetime) -> Document:
    day(body, "ExpirationDate")
    return {**_sale(books, body, now, "Estimate"), "TxnStatus": "Pending"}


def _payment(books: Books, body: Mapping[str, object], now: datetime) -> Document:
    customer = _customer_of(books, body)
    total = money(body, "TotalAmt", "TotalAmt")
    lines = [a_map(line) for line in a_list(body.get("Line"))]
    applied = sum((_linked(books, line) for line in lines), Decimal(0))
    if applied > total:
        raise Refusal("6000", "A business validation error has occurred while processing your"
                      " request", "Business Validation Error: The amount applied is more than the"
                      " payment.")  # fmt: skip
    return {
        "TxnDate": day(body, "TxnDate") or now.date().isoformat(),
        "CustomerRef": {"value": customer["Id"], "name": customer["DisplayName"]},
        "CurrencyRef": {"value": _currency(body, customer)},
        "TotalAmt": total,
        "UnappliedAmt": total - applied,
    }


_MAKERS: Mapping[str, Callable[[Books, Mapping[str, object], datetime], Document]] = {
    "Customer": _customer,
    "Item": _item,
    "Invoice": _invoice,
    "SalesReceipt": _receipt,
    "Estimate": _estimate,
    "Payment": _payment,
}


def _line(books: Books, line: Mapping[str, object]) -> Decimal:
    """The amount of a line that may stand in a sale."""
    if unknown := sorted(set(line) - _LINE_KEYS):
        raise unsupported(unknown[0])
    if not line.get("DetailType"):
        raise missing("Line.DetailType")
    detail = a_map(line.get("SalesItemLineDetail"))
    if line["DetailType"] != "SalesItemLineDetail" or set(detail) - _DETAIL_KEYS:
        raise unsupported("Line.SalesItemLineDetail")
    amount = money(line, "Amount", "Line.Amount")
    item = books.get("Item", ref(detail, "ItemRef") or "")
    if item is None:
        raise unknown_reference("Line.SalesItemLineDetail.ItemRef")
    quantity, price = detail.get("Qty"), detail.get("UnitPrice")
    if quantity is not None and price is not None:
        wanted = (Decimal(str(quantity)) * Decimal(str(price))).quantize(CENT, ROUND_HALF_UP)
        if wanted != amount:
            raise Refusal("6070", "Amount calculation incorrect in the request",
                          f"Amount is not equal to UnitPrice * Qty. Supplied value:{amount}",
                          element="Line.Amount")  # fmt: skip
    return amount


def _linked(books: Books, line: Mapping[str, object]) -> Decimal:
    """The amount that a payment's line applies."""
    amount = money(line, "Amount", "Line.Amount")
    for linked in map(a_map, a_list(line.get("LinkedTxn"))):
        invoice = books.get("Invoice", a_text(linked.get("TxnId")) or "")
        if linked.get("TxnType") != "Invoice" or invoice is None:
            raise unknown_reference("Line.LinkedTxn.TxnId")
        if amount > Decimal(str(invoice["Balance"])):
            raise Refusal("6000", "A business validation error has occurred while processing your"
                          " request", "Business Validation Error: The amount applied is more than"
                          " the invoice's balance.")  # fmt: skip
    return amount


def _apply(books: Books, payment: Mapping[str, object]) -> None:
    for line in map(a_map, a_list(payment.get("Line"))):
        for linked in map(a_map, a_list(line.get("LinkedTxn"))):
            invoice = read(books, "Invoice", a_text(linked.get("TxnId")) or "")
            balance = Decimal(str(invoice["Balance"])) - Decimal(str(line["Amount"]))
            links = [*a_list(invoice.get("LinkedTxn")),
                     {"TxnId": payment["Id"], "TxnType": "Payment"}]  # fmt: skip
            token = str(int(str(invoice["SyncToken"])) + 1)
            changed = {"Balance": balance, "LinkedTxn": links, "SyncToken": token}
            books.put("Invoice", str(invoice["Id"]), {**invoice, **changed})


def _customer_of(books: Books, body: Mapping[str, object]) -> Document:
    if "CustomerRef" not in body:
        raise missing("CustomerRef")
    customer = books.get("Customer", ref(body, "CustomerRef") or "")
    if customer is None:
        raise unknown_reference("CustomerRef")
    if customer.get("Active") is False:
        raise not_found("Customer", str(customer["Id"]))
    return customer


def _currency(body: Mapping[str, object], customer: Mapping[str, object]) -> str:
    """A document's currency is its customer's."""
    its = ref(customer, "CurrencyRef") or HOME
    given = ref(body, "CurrencyRef") or its
    if given != its:
        raise Refusal("6000", "A business validation error has occurred while processing your"
                      " request", f"Business Validation Error: The customer's currency is {its},"
                      f" not {given}.")  # fmt: skip
    return its


def _number(books: Books, body: Mapping[str, object], entity: str) -> str:
    number = limited(body, "DocNumber", LONGEST_NUMBER)
    if not number:
        return str(1000 + books.next_id(f"{entity} number"))
    if books.find(entity, DocNumber=number):
        raise Refusal(
            "6140",
            "Duplicate Document Number Error",
            f"Duplicate Document Number Error : You must specify a different number. {number}",
        )
    return number


def _same_name(document: Mapping[str, object], name: str) -> bool:
    return str(document.get("DisplayName", "")).casefold() == name.casefold()
