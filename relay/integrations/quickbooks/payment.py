"""Payments: money that came in, on an invoice or on the customer's account.

developer.intuit.com, "Payment". A payment has no document number: our number is its reference
number, by which an earlier try is found among the customer's payments.
"""

from collections.abc import Mapping
from decimal import Decimal

from relay.core.errors import InvalidInput, PermanentError
from relay.core.facts import a_map, a_text
from relay.integration import Call, Output
from relay.integrations.quickbooks.client import Company, quoted
from relay.integrations.quickbooks.customer import customer_for
from relay.integrations.quickbooks.request_id import request_id
from relay.integrations.quickbooks.sale import LONGEST_NOTE, day, money, read_sale

# What QuickBooks answers to a query at most.
MOST = 1000
PAGE = "recvpayment"

Document = Mapping[str, object]


async def receive(call: Call) -> Output:
    """One payment, or the one that an earlier try made."""
    company = Company(connection=call.connection, http=call.http, now=call.now)
    amount = money("amount", call.params.get("amount"), call.params.get("currency"))
    number = a_text(call.params.get("invoice"))
    invoice = await _invoice(company, number) if number else None
    customer = await _payer(company, invoice, call)
    if call.look_first:
        earlier = await _earlier(company, customer, call)
        if earlier is not None:
            return _output(company, earlier, call, found=True)
    if invoice is not None and _balance(invoice) <= 0:
        raise PermanentError(f"invoice {number} is paid already in QuickBooks")
    body = _body(invoice, customer, amount, call)
    made = await company.create("Payment", body, request_id(call))
    return _output(company, made, call)


async def _invoice(company: Company, number: str) -> Document:
    """By its number, ours or QuickBooks' own."""
    rows = await company.select("Invoice", f"DocNumber = {quoted(number)}")
    if len(rows) != 1:
        found = "no invoice" if not rows else f"{len(rows)} invoices"
        raise PermanentError(f"QuickBooks has {found} with the number {number}")
    return rows[0]


async def _payer(company: Company, invoice: Document | None, call: Call) -> str:
    if invoice is not None:
        return a_text(a_map(invoice.get("CustomerRef")).get("value")) or ""
    if not a_text(call.params.get("customer")):
        raise InvalidInput(
            "customer is missing: name the invoice that was paid, or who paid",
            {"customer": ["is missing"]},
        )
    sale = read_sale({**call.params, "lines": None}, call.now.date())
    return call.customers.get(sale.currency or "") or await customer_for(company, sale, call)


async def _earlier(company: Company, customer: str, call: Call) -> Document | None:
    rows = await company.select("Payment", f"CustomerRef = {quoted(customer)}", limit=MOST)
    ours = [row for row in rows if a_text(row.get("PaymentRefNum")) == call.number]
    return ours[0] if ours else None


def _body(
    invoice: Document | None, customer: str, amount: Decimal, call: Call
) -> dict[str, object]:
    """What is more than the invoice asks for stays on the customer's account."""
    body: dict[str, object] = {
        "CustomerRef": {"value": customer},
        "TotalAmt": amount,
        "PaymentRefNum": call.number,
        "PrivateNote": call.reference[:LONGEST_NOTE],
    }
    if on := day("date", call.params.get("date")):
        body["TxnDate"] = on.isoformat()
    if account := a_text(call.connection.settings.get("deposit_account")):
        body["DepositToAccountRef"] = {"value": account}
    currency = a_text(call.params.get("currency"))
    if invoice is not None:
        linked = [{"TxnId": a_text(invoice.get("Id")), "TxnType": "Invoice"}]
        body["Line"] = [{"Amount": min(amount, _balance(invoice)), "LinkedTxn": linked}]
        currency = currency or a_text(a_map(invoice.get("CurrencyRef")).get("value"))
    if currency:
        body["CurrencyRef"] = {"value": currency.upper()}
    return body


def _balance(invoice: Document) -> Decimal:
    return Decimal(a_text(invoice.get("Balance")) or "0")


def _output(company: Company, made: Document, call: Call, *, found: bool = False) -> Output:
    id = a_text(made.get("Id")) or ""
    total = a_text(made.get("TotalAmt"))
    return Output(
        data={
            "id": id,
            "number": a_text(made.get("PaymentRefNum")) or call.number,
            "url": company.page(PAGE, id),
        },
        found=found,
        amount=Decimal(total) if total else None,
        currency=a_text(a_map(made.get("CurrencyRef")).get("value")),
    )
