"""From a notification that names a payment or an invoice to the facts about it.

freshbooks.com/api, "Payments", "Invoices", "Clients": a document stands in `response.result`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import quote

from relay import people
from relay.core.errors import NotFound
from relay.core.event import ParsedEvent
from relay.core.facts import a_map, a_text
from relay.core.money import number
from relay.integration import Lookup

Json = Mapping[str, object]

PAYMENT = "payment.create"
INVOICES = {"invoice.create": "invoice.created", "invoice.sendByEmail": "invoice.sent"}
COMPLETED = frozenset({PAYMENT, *INVOICES})
OUR_NUMBER = "CRM-"


@dataclass(frozen=True, slots=True)
class _Books:
    lookup: Lookup
    account: str

    async def get(self, kind: str, name: str, id: str | None) -> Json:
        """The document, {} where there is none to be had."""
        if not id:
            return {}
        path = f"/accounting/account/{quote(self.account, safe='')}/{kind}/{quote(id, safe='')}"
        try:
            answer = await self.lookup.get(path)
        except NotFound:
            return {}
        return a_map(a_map(a_map(answer.get("response")).get("result")).get(name))


async def complete(event: ParsedEvent, lookup: Lookup) -> Sequence[ParsedEvent]:
    """The facts; what has been deleted meanwhile, or is another account's, stays without any."""
    told = a_map(event.body)
    account, id = a_text(told.get("account_id")) or "", a_text(told.get("object_id"))
    name = a_text(told.get("name")) or ""
    books = _Books(lookup, account)
    payment: Json = {}
    invoice_id = id
    if name == PAYMENT:
        payment = await books.get("payments/payments", "payment", id)
        invoice_id = a_text(payment.get("invoiceid"))
    invoice = await books.get("invoices/invoices", "invoice", invoice_id)
    if not (payment or invoice):
        return [replace(event, complete=True)]
    client_id = a_text(payment.get("clientid")) or a_text(invoice.get("customerid"))
    client = await books.get("users/clients", "client", client_id)
    data = _facts(payment, invoice, client)
    kind = _kind(name, invoice)
    key = ":".join((account, kind, id or "", str(data["paid_amount"]), str(data["paid_on"])))
    about = {"payment": payment, "invoice": invoice, "client": client}
    body = {**told, **{name: found for name, found in about.items() if found}}
    return [replace(event, type=kind, data=data, body=body, key=key, complete=True)]


def _kind(name: str, invoice: Json) -> str:
    if name != PAYMENT:
        return INVOICES[name]
    left = _amount(invoice.get("outstanding"))
    return "invoice.paid" if left is not None and left <= 0 else "payment.received"


def _facts(payment: Json, invoice: Json, client: Json) -> dict[str, object]:
    our = a_text(invoice.get("po_number"))
    names = [a_text(client.get(name)) for name in ("fname", "lname")]
    total = a_map(invoice.get("amount")) or a_map(payment.get("amount"))
    return {
        "customer_email": people.email(a_text(client.get("email")) or a_text(invoice.get("email"))),
        "customer_name": " ".join(name for name in names if name)
        or a_text(client.get("organization")),
        "number": a_text(invoice.get("invoice_number")),
        "our_number": our if our and our.startswith(OUR_NUMBER) else None,
        "currency": a_text(total.get("code")),
        "total": _amount(invoice.get("amount")),
        "paid_amount": _amount(payment.get("amount")),
        "paid_on": a_text(payment.get("date")),
        "due_date": a_text(invoice.get("due_date")),
        "issued_on": a_text(invoice.get("create_date")),
    }


def _amount(value: object) -> Decimal | None:
    return number(a_map(value).get("amount"), "amount")
