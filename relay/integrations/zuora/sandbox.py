"""A stand-in for a Zuora tenant, for test organizations: it keeps its books and says no as the real
one does, which is most often inside a 200.

Faults on demand are those of `relay.faults`, by the names of FAULTS.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs

from relay.core import exact_json
from relay.core.errors import Conflict, NotFound
from relay.core.facts import a_map, a_text
from relay.core.ids import token
from relay.faults import due, late
from relay.integration import Answer, Books, Document, Notification, Sandbox, SandboxRequest
from relay.integrations.zuora import sandbox_tenant as tenant
from relay.integrations.zuora.sandbox_rules import BAD_VALUE, Refused

CREDENTIALS = {"client_id": "sandbox-zuora-client", "client_secret": "sandbox-zuora-secret"}
TOKEN_LIVES = timedelta(hours=1)
LIMIT = 50_000
LONGEST_KEY = 254

Handler = Callable[[SandboxRequest, Books, str], Mapping[str, object]]

ROUTES: Sequence[tuple[str, re.Pattern[str], Handler]] = [
    (method, re.compile(path), handler)
    for method, path, handler in (
        ("POST", r"/v1/accounts", tenant.make_account),
        ("GET", r"/v1/accounts/([^/]+)", tenant.account),
        ("POST", r"/v1/orders", tenant.make_order),
        ("GET", r"/v1/orders/([^/]+)", tenant.order),
        ("GET", r"/v1/subscriptions/([^/]+)", tenant.subscription),
        ("GET", r"/v1/invoices/([^/]+)", tenant.invoice),
    )
]

# Refusals that come in place of the work: code, words, status.
REFUSALS: Mapping[str, tuple[int, str, int]] = {
    "lock": (58730050, "Operation failed due to a lock competition, please retry later.", 200),
    "temporary": (58730061, "A temporary error has occurred. Please try again.", 200),
    "too_many": (58730070, "Request exceeded limit.", 200),
    "internal": (58730060, "Internal system error.", 200),
    "tax": (58730099, "The tax engine did not answer.", 200),
    "dead_token": (90000011, "The user is not authorized; the session has ended.", 200),
    "forbidden": (58730010, "The user has no API write access.", 200),
    "throttle": (58730070, "Too many requests.", 429),
    "bad_value": (58730020, "'orderDate' is not a day.", 200),
    "unknown_name": (58730021, "Error - unrecognised fields: orderDay", 200),
    "missing": (58730022, "'orderDate' may not be empty", 200),
    "rule": (58730030, "The rate plan has expired.", 200),
    "unknown_plan": (58730040, "Cannot find the product rate plan.", 200),
    "no_method": (58730045, "The method is not supported.", 200),
    "bad_json": (58730090, "The request body is not valid JSON.", 200),
    "running": (58730050, "A request with this idempotency key is in process.", 409),
}
# What it can be asked to do wrong, for people who try Relay out.
FAULTS: Mapping[str, str] = {
    "timeout_after_work": "does the work, and answers 504 as if it had not",
    "slow": "does the work, and answers late",
    "malformed": "does the work, and answers half a document",
    "500": "fails without doing anything, in plain text",
    "expired_token": "does not know the token any more",
    "dead_token": "does not know the token any more, which it says inside a 200",
    "forbidden": "the user may not write: a person has to change that",
    "throttle": "has no room: 429, with the time when there is some",
    "too_many": "has no room, which it says inside a 200",
    "lock": "the account is being changed elsewhere",
    "temporary": "has a passing fault",
    "internal": "has a fault of its own: nobody knows what was done",
    "tax": "the tax engine did not answer",
    "bad_value": "takes offence at a value",
    "unknown_name": "does not know a field",
    "missing": "misses a field",
    "rule": "has a business rule against it",
    "unknown_plan": "does not know the rate plan",
    "no_method": "does not support the method",
    "bad_json": "cannot read the body",
    "running": "the first request with the same key is still running",
    "duplicate_name": "somebody else has just made the account",
}

_TOKENS = "/oauth/token"


def handle(request: SandboxRequest, books: Books) -> Answer:
    """One API request."""
    if request.path == _TOKENS and request.method == "POST":
        return _token(request, books)
    if _is_person(request):
        return _page(request, books)
    fault = due(request, books)
    given = _answered(request, books, str(fault.get("fault", "")))
    return replace(given, headers={**given.headers, **late(fault)})


def _answered(request: SandboxRequest, books: Books, fault: str) -> Answer:
    if fault == "expired_token":
        _expire(request, books)
    if not _admitted(request, books):
        return _answer(401, {"message": "Authentication error"})
    if fault == "500":
        return _text(500, "We're sorry, but something went wrong.")
    if fault == "duplicate_name":
        tenant.make_somebody_elses(request, books)
    given = _once(request, books, fault)
    match fault:
        case "timeout_after_work":
            return _text(504, "upstream request timeout")
        case "malformed":
            return replace(given, body=given.body[: len(given.body) // 2])
        case _:
            return given


def documents(books: Books) -> Sequence[Document]:
    """The tenant's orders, newest first."""
    return [_row(each, books) for each in reversed(books.all("orders"))]


def pay(books: Books, id: str, now: datetime) -> Sequence[Notification]:
    """Receives the whole balance of an order's invoice; tells of it in a callout with the fields of
    our template.

    Raises NotFound for what is no order with an invoice, Conflict for one that is paid.
    """
    placed = books.get("orders", id) or {}
    number = a_text(placed.get("invoice"))
    bill = books.get("invoices", number) if number else None
    if number is None or bill is None:
        raise NotFound(f"there is no order {id} with an invoice in this sandbox")
    if not bill["balance"]:
        raise Conflict(f"invoice {number} is paid already")
    payment = tenant.settle(books, number, now)
    payer = books.get("accounts", str(placed["existingAccountNumber"])) or {}
    info = a_map(payer.get("basicInfo"))
    fields = {
        "EventCategory": "PaymentProcessed",
        "AccountId": info.get("id"),
        "AccountNumber": info.get("accountNumber"),
        "AccountName": info.get("name"),
        "BillToEmail": a_map(payer.get("billToContact")).get("workEmail") or "null",
        "PaymentId": payment["id"],
        "PaymentNumber": payment["number"],
        "PaymentAmount": str(payment["amount"]),
        "PaymentEffectiveDate": payment["effectiveDate"],
        "InvoiceNumber": number,
        "InvoiceAmount": str(bill["amount"]),
        "InvoiceBalance": "0.00",
        "InvoiceDate": bill["invoiceDate"],
        "InvoiceDueDate": bill["dueDate"],
        "OrderNumber": id,
        "Currency": bill["currency"],
    }
    headers = {
        "zuora-notification-id": f"{payment['id']}-1",
        "zuora-request-id": token(12),
    }
    return [Notification(body=exact_json.dumps(fields).encode(), headers=headers)]


def _token(request: SandboxRequest, books: Books) -> Answer:
    form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
    if form.get("grant_type") != "client_credentials":
        return _answer(400, {"code": BAD_VALUE, "message": "unsupported grant type"})
    if any(form.get(name) != value for name, value in CREDENTIALS.items()):
        return _answer(401, {"message": "Invalid client id or secret"})
    made = token(24)
    books.put("tokens", made, {"until": (request.now + TOKEN_LIVES).isoformat()})
    return _answer(
        200,
        {
            "access_token": made,
            "token_type": "bearer",
            "expires_in": int(TOKEN_LIVES.total_seconds()) - 1,
            "scope": "entity.sandbox user.relay",
            "jti": token(12),
        },
    )


def _admitted(request: SandboxRequest, books: Books) -> bool:
    known = books.get("tokens", _bearer(request))
    return known is not None and datetime.fromisoformat(str(known["until"])) > request.now


def _expire(request: SandboxRequest, books: Books) -> None:
    books.put("tokens", _bearer(request), {"until": request.now.isoformat()})


def _bearer(request: SandboxRequest) -> str:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    return given if kind.lower() == "bearer" and given else "none"


def _once(request: SandboxRequest, books: Books, fault: str) -> Answer:
    """A key's first answer is kept, a failure as well as a success, and given again; not one that
    says to come later."""
    key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
    if len(key) > LONGEST_KEY:
        return _answer(400, Refused(BAD_VALUE, "The idempotency key is too long.").document)
    kept = books.get("keys", key) if key else None
    where = f"{request.method} {request.path}"
    if kept is not None and kept["where"] != where:
        refusal = Refused(BAD_VALUE, "The idempotency key was used for another request.")
        return _answer(422, refusal.document)
    if kept is not None:
        return _answer(int(str(kept["status"])), a_map(kept["document"]))
    status, document = _performed(request, books, fault)
    if key and status == 200:  # noqa: PLR2004 - HTTP's own number
        books.put("keys", key, {"where": where, "status": status, "document": document})
    return _answer(status, document)


def _performed(
    request: SandboxRequest, books: Books, fault: str
) -> tuple[int, Mapping[str, object]]:
    try:
        if fault in REFUSALS:
            code, message, status = REFUSALS[fault]
            raise Refused(code, message, status=status)
        return 200, _routed(request, books)
    except Refused as refusal:
        return refusal.status, refusal.document


def _routed(request: SandboxRequest, books: Books) -> Mapping[str, object]:
    for method, path, handler in ROUTES:
        if method == request.method and (match := path.fullmatch(request.path)):
            return handler(request, books, match[1] if path.groups else "")
    raise Refused(50000045, f"There is no {request.method} {request.path} here.", status=404)


def _is_person(request: SandboxRequest) -> bool:
    """A browser that follows a document's link."""
    return (
        "text/html" in request.headers.get("accept", "") and "authorization" not in request.headers
    )


def _page(request: SandboxRequest, books: Books) -> Answer:
    number = request.path.rpartition("/")[2]
    found = [row for row in documents(books) if row.id == number]
    if not found:
        return _text(404, "There is nothing here.")
    row = found[0]
    lines = [
        f"{row.kind} {row.number}",
        f"Customer  {row.customer}",
        f"Amount    {row.amount} {row.currency}",
        f"State     {row.state}",
        f"Made      {row.created_at}",
        "",
        "This is the sandbox's stand-in for Zuora's own page.",
    ]
    return _text(200, "\n".join(lines))


def _row(placed: Mapping[str, object], books: Books) -> Document:
    number = a_text(placed.get("invoice"))
    bill = (books.get("invoices", number) if number else None) or {}
    is_open = bool(bill.get("balance"))
    return Document(
        id=str(placed["orderNumber"]),
        kind="order",
        number=str(placed["orderNumber"]),
        customer=str(placed["customer"]),
        amount=str(bill.get("amount", "")),
        currency=str(placed["currency"]),
        state="open" if is_open else "paid" if bill else str(placed["status"]),
        created_at=str(placed["createdDate"]),
        payable=is_open,
    )


def _answer(status: int, document: Mapping[str, object]) -> Answer:
    return Answer(
        status=status,
        body=exact_json.dumps(document).encode(),
        headers={
            "content-type": "application/json;charset=utf-8",
            "zuora-request-id": token(12),
            "ratelimit-limit": str(LIMIT),
            "ratelimit-remaining": "0" if status == 429 else str(LIMIT - 1),  # noqa: PLR2004
            "ratelimit-reset": "20",
            **({"retry-after": "30"} if status == 429 else {}),  # noqa: PLR2004
        },
    )


def _text(status: int, words: str) -> Answer:
    headers = {"content-type": "text/plain; charset=utf-8"}
    return Answer(status=status, body=words.encode(), headers=headers)


SANDBOX = Sandbox(
    handle=handle,
    documents=documents,
    pay=pay,
    credentials=CREDENTIALS,
    settings={"currency": "USD", "country": "United States"},
    faults=FAULTS,
)
