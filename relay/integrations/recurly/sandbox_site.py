"""The sandbox site's accounts, plans, purchases and invoices."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import unquote, urlencode

from relay.integration import Books, SandboxRequest
from relay.integrations.recurly import sandbox_rules as rules
from relay.integrations.recurly.sandbox_documents import (
    collection_of,
    details_of,
    invoice_of,
    plan_of,
    stamp,
    uuid_of,
)
from relay.integrations.recurly.sandbox_rules import PLANS, Refused

SITE_ID = "sandboxsite1"
FIRST_NUMBER = 1000
PAGE = 20
LARGEST_PAGE = 200

Json = Mapping[str, object]
Result = tuple[int, Json]


def sites(request: SandboxRequest, books: Books, id: str) -> Result:
    del books, id
    found = {"id": SITE_ID, "object": "site", "subdomain": "relay-sandbox", "mode": "sandbox"}
    return 200, _list(request, [found])


def plans(request: SandboxRequest, books: Books, id: str) -> Result:
    del books, id
    return 200, _list(request, [plan_of(code) for code in PLANS])


def plan(request: SandboxRequest, books: Books, id: str) -> Result:
    del request, books
    code = unquote(id).removeprefix("code-")
    if code not in PLANS:
        raise Refused(404, "not_found", f"Couldn't find Plan with code = {code}")
    return 200, plan_of(code)


def make_account(request: SandboxRequest, books: Books, id: str) -> Result:
    del id
    given = rules.body(request)
    code = rules.account_details(given, "")
    if books.find("accounts", code=code):
        raise rules.invalid("code", "has already been taken")
    return 201, _new_account(books, given, code, request.now)


def account(request: SandboxRequest, books: Books, id: str) -> Result:
    del request
    return 200, _account(books, id)


def change_account(request: SandboxRequest, books: Books, id: str) -> Result:
    known = _account(books, id)
    given = rules.body(request)
    rules.account_details({**given, "code": known["code"]}, "")
    changed = {**known, **details_of(given), "updated_at": stamp(request.now)}
    books.put("accounts", str(known["id"]), changed)
    return 200, changed


def account_invoices(request: SandboxRequest, books: Books, id: str) -> Result:
    code = _account(books, id)["code"]
    return 200, _list(request, books.find("invoices", account_code=code), hidden=("account_code",))


def invoices(request: SandboxRequest, books: Books, id: str) -> Result:
    """Those that were made in the time that is asked for."""
    del id
    first = request.query.get("begin_time", "")
    after = request.query.get("end_time", "9999")
    found = [each for each in books.all("invoices") if first <= str(each["created_at"]) < after]
    return 200, _list(request, found, hidden=("account_code",))


def account_subscriptions(request: SandboxRequest, books: Books, id: str) -> Result:
    code = _account(books, id)["code"]
    return 200, _list(
        request, books.find("subscriptions", account_code=code), hidden=("account_code",)
    )


def invoice(request: SandboxRequest, books: Books, id: str) -> Result:
    del request
    number = unquote(id).removeprefix("number-")
    found = books.find("invoices", number=number) if number != id else []
    return 200, _shown(found[0] if found else _document(books, "invoices", id))


def subscription(request: SandboxRequest, books: Books, id: str) -> Result:
    del request
    return 200, _shown(_document(books, "subscriptions", id))


def transaction(request: SandboxRequest, books: Books, id: str) -> Result:
    del request
    return 200, _document(books, "transactions", id)


def preview(request: SandboxRequest, books: Books, id: str) -> Result:
    del id
    wanted = rules.purchase(rules.body(request))
    known = books.find("accounts", code=wanted.account_code)
    payer = known[0] if known else {**details_of(wanted.account), "code": wanted.account_code}
    return 200, collection_of(invoice_of(wanted, payer, "preview", "0", request.now))


def purchase(request: SandboxRequest, books: Books, id: str) -> Result:
    """Makes the account if its code is new, the subscriptions, and one invoice for all."""
    del id
    wanted = rules.purchase(rules.body(request))
    payer = _payer(books, wanted, request.now)
    made = _numbered(books, "invoices", "in")
    number = str(FIRST_NUMBER + int(made[2:]))
    document = invoice_of(wanted, payer, made, number, request.now)
    for each in wanted.plans:
        _subscribe(books, wanted, each, document)
    books.put("invoices", made, {**document, "account_code": wanted.account_code})
    return 201, collection_of(document)


def invoice_pending(request: SandboxRequest, books: Books, id: str) -> Result:
    """Gathers the account's pending charges; they stand in the books' kind `pending`."""
    payer = _account(books, id)
    given = rules.body(request)
    waiting = [each for each in books.find("pending", account_code=payer["code"])
               if not each.get("invoiced")]  # fmt: skip
    wanted = rules.pending(given, str(payer["code"]), waiting)
    made = _numbered(books, "invoices", "in")
    number = str(FIRST_NUMBER + int(made[2:]))
    document = invoice_of(wanted, payer, made, number, request.now)
    books.put("invoices", made, {**document, "account_code": payer["code"]})
    for each in waiting:
        books.put("pending", str(each["id"]), {**each, "invoiced": True})
    return 201, collection_of(document)


def subscribe(request: SandboxRequest, books: Books, id: str) -> Result:
    del id
    wanted = rules.subscription(rules.body(request))
    payer = _payer(books, wanted, request.now)
    made = _numbered(books, "invoices", "in")
    document = invoice_of(wanted, payer, made, str(FIRST_NUMBER + int(made[2:])), request.now)
    books.put("invoices", made, {**document, "account_code": wanted.account_code})
    return 201, _shown(_subscribe(books, wanted, wanted.plans[0], document))


def settle(books: Books, document: Mapping[str, object], now: datetime) -> None:
    """Writes the invoice as paid, with its transaction."""
    made = _numbered(books, "transactions", "tr")
    payment: dict[str, object] = {
        "id": made,
        "object": "transaction",
        "uuid": uuid_of(made),
        "type": "purchase",
        "origin": "merchant",
        "status": "success",
        "success": True,
        "account": document["account"],
        "invoice": {name: document[name] for name in ("id", "number", "type")}
        | {"object": "invoice", "state": "paid"},
        "currency": document["currency"],
        "amount": document["total"],
        "created_at": stamp(now),
        "collected_at": stamp(now),
    }
    books.put("transactions", made, payment)
    paid = {
        **document,
        "state": "paid",
        "paid": document["total"],
        "balance": Decimal("0.00"),
        "closed_at": stamp(now),
        "updated_at": stamp(now),
        "transactions": [payment],
    }
    books.put("invoices", str(document["id"]), paid)


def _payer(books: Books, wanted: rules.Wanted, now: datetime) -> Json:
    known = books.find("accounts", code=wanted.account_code)
    if not known:
        return _new_account(books, wanted.account, wanted.account_code, now)
    changed = {**known[0], **details_of(wanted.account)}
    books.put("accounts", str(known[0]["id"]), changed)
    return changed


def _new_account(books: Books, given: Json, code: str, now: datetime) -> dict[str, object]:
    made = _numbered(books, "accounts", "ac")
    document = {
        "id": made,
        "object": "account",
        "code": code,
        "state": "active",
        **details_of(given),
        "created_at": stamp(now),
        "updated_at": stamp(now),
    }
    books.put("accounts", made, document)
    return document


def _account(books: Books, id: str) -> dict[str, object]:
    key = unquote(id)
    code = key.removeprefix("code-")
    found = books.find("accounts", code=code) if code != key else []
    known = found[0] if found else books.get("accounts", key)
    if known is None:
        raise Refused(404, "not_found", f"Couldn't find Account with code = {code}")
    return known


def _document(books: Books, kind: str, id: str) -> dict[str, object]:
    found = books.get(kind, unquote(id))
    if found is None:
        raise Refused(404, "not_found", f"Couldn't find {kind[:-1].title()} with id = {id}")
    return found


def _subscribe(
    books: Books, wanted: rules.Wanted, line: rules.Line, invoice: Json
) -> dict[str, object]:
    """Starts what a line of the invoice sells, when the invoice was made."""
    made = _numbered(books, "subscriptions", "su")
    sold, began = PLANS[line.plan or ""], str(invoice["created_at"])
    ends = datetime.fromisoformat(began) + timedelta(days=30 * sold.months)
    document: dict[str, object] = {
        "id": made,
        "object": "subscription",
        "uuid": uuid_of(made),
        "account": invoice["account"],
        "account_code": wanted.account_code,
        "plan": {"id": sold.id, "object": "plan", "code": line.plan, "name": sold.name},
        "state": "active",
        "currency": wanted.currency,
        "unit_amount": line.price,
        "quantity": line.quantity,
        "subtotal": line.amount,
        "total": line.amount,
        "collection_method": "manual",
        "po_number": wanted.po_number,
        "net_terms": wanted.net_terms,
        "active_invoice_id": invoice["id"],
        "current_period_started_at": began,
        "current_period_ends_at": stamp(ends),
        "created_at": began,
        "updated_at": began,
        "activated_at": began,
    }
    books.put("subscriptions", made, document)
    return document


def _list(request: SandboxRequest, found: Sequence[Json], hidden: Sequence[str] = ()) -> Json:
    """A page: `next` is a path with its query, as long as `has_more` is true."""
    limit = min(int(request.query.get("limit", PAGE)), LARGEST_PAGE)
    ordered = list(found) if request.query.get("order") == "asc" else list(reversed(found))
    start = int(request.query.get("cursor", "0"))
    page = ordered[start : start + limit]
    more = start + limit < len(ordered)
    query = urlencode({**request.query, "cursor": str(start + limit)})
    return {
        "object": "list",
        "has_more": more,
        **({"next": f"{request.path}?{query}"} if more else {}),
        "data": [{k: v for k, v in each.items() if k not in hidden} for each in page],
    }


def _shown(document: Json) -> Json:
    return {name: value for name, value in document.items() if name != "account_code"}


def _numbered(books: Books, kind: str, prefix: str) -> str:
    return f"{prefix}{books.next_id(kind):010d}"
