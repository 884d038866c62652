"""A stand-in for a QuickBooks Online company, for test organizations: it keeps its books and says
no as the real one does.

Faults on demand are those of `sandbox_faults`. The books' one `company` may
say its `country`, and until which day it is closed (`closed_until`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from relay.core import exact_json
from relay.core.errors import Conflict, NotFound
from relay.core.facts import a_map, a_text
from relay.core.ids import token
from relay.faults import late
from relay.integration import Answer, Books, Document, Notification, Sandbox, SandboxRequest
from relay.integrations.quickbooks import sandbox_company as company
from relay.integrations.quickbooks import sandbox_faults as faults
from relay.integrations.quickbooks import sandbox_query, sandbox_tokens
from relay.integrations.quickbooks.sandbox_faults import TOKENS
from relay.integrations.quickbooks.sandbox_rules import (
    THROTTLE_XML,
    Refusal,
    answer,
    body_of,
    refused,
    unsupported,
)

REALM = "9130350000000001"
PER_MINUTE = 500
OLDEST_MINOR = 75
LONGEST_REQUEST_ID = 50
_COMPANY = re.compile(r"/v3/company/([^/]+)/([a-z]+)(?:/([^/]+))?")
_PAGE = re.compile(r"/app/([a-z]+)")
_PAYMENT_PAGE = "recvpayment"
_CONSENT = "/connect/oauth2"
_BY_PATH = {entity.lower(): entity for entity in company.ENTITIES}
_LABELS = {"SalesReceipt": "sales receipt"}


def handle(request: SandboxRequest, books: Books) -> Answer:
    """One request to the company."""
    company.furnish(books)
    fault = faults.due(request, books)
    faults.prepare(request, books, fault)
    given = _answered(request, books, str(fault.get("fault", "")))
    if fault.get("fault") == "timeout_after_work":
        given = Answer(status=504, body=b"upstream request timeout")
    if fault.get("fault") == "malformed":
        given = replace(given, body=given.body[: len(given.body) // 2])
    headers = {**given.headers, "intuit_tid": f"1-{token(12)}", **late(fault)}
    return replace(given, headers=headers)


def documents(books: Books) -> Sequence[Document]:
    """The company's sales, and the payments that were booked by their number, newest first."""
    rows = [_row(entity, each) for entity in company.SALES for each in books.all(entity)]
    rows += [_row("Payment", each) for each in books.all("Payment") if each.get("PaymentRefNum")]
    return sorted(rows, key=lambda row: int(row.id), reverse=True)


def pay(books: Books, document_id: str, now: datetime) -> Sequence[Notification]:
    """Receives the whole balance of an invoice; tells of it in the new format and in the old one,
    as a company does whose app is on its way from one to the other.

    Raises NotFound for what is no invoice, Conflict for one that is paid.
    """
    invoice = books.get("Invoice", document_id)
    if invoice is None:
        raise NotFound(f"there is no invoice {document_id} in this sandbox")
    balance = Decimal(str(invoice["Balance"]))
    if balance <= 0:
        raise Conflict(f"invoice {invoice['DocNumber']} is paid already")
    line = {"Amount": balance, "LinkedTxn": [{"TxnId": document_id, "TxnType": "Invoice"}]}
    body = {
        "CustomerRef": {"value": _ref(invoice, "CustomerRef", "value")},
        "CurrencyRef": {"value": _ref(invoice, "CurrencyRef", "value")},
        "TotalAmt": balance,
        "Line": [line],
    }
    payment = company.create(books, "Payment", body, now)
    changes = [("Payment", str(payment["Id"]), "Create"), ("Invoice", document_id, "Update")]
    return [_cloud_events(changes, now), _legacy(changes, now)]


def _answered(request: SandboxRequest, books: Books, fault: str) -> Answer:
    try:
        if request.path == TOKENS and request.method == "POST":
            return _token(request, books, fault)
        if request.path == _CONSENT and request.method == "GET":
            return sandbox_tokens.consent(request, books, REALM)
        if page := _PAGE.fullmatch(request.path):
            return _page(books, page[1], request.query.get("txnId", ""))
        return _asked(request, books, fault)
    except Refusal as refusal:
        return refused(refusal, request.now)


def _token(request: SandboxRequest, books: Books, fault: str) -> Answer:
    if fault == "invalid_grant":
        return Answer(status=400, body=b'{"error":"invalid_grant"}')
    return sandbox_tokens.renew(request, books)


def _asked(request: SandboxRequest, books: Books, fault: str) -> Answer:
    match = _COMPANY.fullmatch(request.path)
    if match is None:
        raise Refusal("4000", "Unsupported Operation", f"no {request.path} here", status=404)
    _admitted(request, books, fault)
    if match[1] != REALM:
        message = "message=ApplicationAuthorizationFailed; errorCode=003100; statusCode=403"
        raise Refusal("3100", message, status=403)
    if fault == "throttle" or _over_the_limit(books, request.now):
        headers = {"content-type": "application/xml"}
        return Answer(status=429, body=THROTTLE_XML, headers=headers)
    if fault in faults.REFUSALS:
        code, status, message, detail = faults.REFUSALS[fault]
        raise Refusal(code, message, detail, status=status)
    _checked(request)
    return _worked(request, books, match[2], match[3])


def _admitted(request: SandboxRequest, books: Books, fault: str) -> None:
    bearer = request.headers.get("authorization", "")
    if fault == "expired_token":
        sandbox_tokens.expire(bearer, books, request.now)
    if not sandbox_tokens.valid(bearer, books, request.now):
        message = "message=AuthenticationFailed; errorCode=003200; statusCode=401"
        raise Refusal("3200", message, "Token expired", status=401)


def _checked(request: SandboxRequest) -> None:
    minor = request.query.get("minorversion", str(OLDEST_MINOR))
    if not minor.isdigit() or int(minor[:9]) < OLDEST_MINOR:
        raise unsupported("minorversion")
    if len(request.query.get("requestid", "")) > LONGEST_REQUEST_ID:
        raise unsupported("requestid")


def _worked(request: SandboxRequest, books: Books, path: str, id: str | None) -> Answer:
    if request.method == "GET" and path == "query" and id is None:
        return answer({"QueryResponse": _queried(request, books)}, request.now)
    entity = _BY_PATH.get(path)
    if entity is None:
        raise Refusal("4000", "Unsupported Operation", f"Operation {path} is not supported")
    if request.method == "GET" and id is not None:
        return answer({entity: company.read(books, entity, id)}, request.now)
    if request.method == "POST" and id is None:
        return _once(request, books, entity)
    raise Refusal("4000", "Unsupported Operation", f"{request.method} {path} is not supported")


def _once(request: SandboxRequest, books: Books, entity: str) -> Answer:
    """A repeated `requestid` gets the first answer again."""
    key = request.query.get("requestid", "")
    kept = books.get("requests", key) if key else None
    if kept is None:
        made = {entity: company.create(books, entity, body_of(request), request.now)}
        kept = {"answer": made}
        if key:
            books.put("requests", key, kept)
    return answer(a_map(kept["answer"]), request.now)


def _queried(request: SandboxRequest, books: Books) -> dict[str, object]:
    query = sandbox_query.read(request.query.get("query", ""))
    rows = query.rows(books.all(query.entity))
    if query.count:
        return {"totalCount": len(rows)}
    if not rows:
        return {}
    return {query.entity: rows, "startPosition": query.start, "maxResults": len(rows)}


def _over_the_limit(books: Books, now: datetime) -> bool:
    minute = now.strftime("%Y-%m-%dT%H:%M")
    kept = books.get("meter", "minute") or {}
    count = int(str(kept.get("count", 0))) + 1 if kept.get("minute") == minute else 1
    books.put("meter", "minute", {"minute": minute, "count": count})
    return count > PER_MINUTE


def _page(books: Books, path: str, id: str) -> Answer:
    """What a person sees who follows a document's link."""
    entity = "Payment" if path == _PAYMENT_PAGE else _BY_PATH.get(path, "")
    row = _row(entity, company.read(books, entity, id))
    lines = [
        f"{row.kind} {row.number}",
        f"Customer  {row.customer}",
        f"Amount    {row.amount} {row.currency}",
        f"State     {row.state}",
        f"Made      {row.created_at}",
        "",
        "This is the sandbox's stand-in for QuickBooks' own page.",
    ]
    headers = {"content-type": "text/plain; charset=utf-8"}
    return Answer(body="\n".join(lines).encode(), headers=headers)


def _row(entity: str, document: Mapping[str, object]) -> Document:
    state = _state(entity, document)
    return Document(
        id=str(document["Id"]),
        kind=_LABELS.get(entity, entity.lower()),
        number=a_text(document.get("DocNumber") or document.get("PaymentRefNum")) or "",
        customer=_ref(document, "CustomerRef", "name"),
        amount=a_text(document.get("TotalAmt")) or "",
        currency=_ref(document, "CurrencyRef", "value"),
        state=state,
        created_at=a_text(a_map(document.get("MetaData")).get("CreateTime")) or "",
        payable=entity == "Invoice" and state != "paid",
    )


def _state(entity: str, document: Mapping[str, object]) -> str:
    if entity == "Estimate":
        return "pending"
    if entity == "Payment":
        return "received"
    return "paid" if Decimal(str(document.get("Balance", 0))) == 0 else "open"


def _ref(document: Mapping[str, object], name: str, key: str) -> str:
    return a_text(a_map(document.get(name)).get(key)) or ""


def _cloud_events(changes: Sequence[tuple[str, str, str]], now: datetime) -> Notification:
    events = [
        {
            "specversion": "1.0",
            "id": token(16),
            "source": "intuit.sandbox",
            "type": f"qbo.{entity.lower()}.{operation.lower()}d.v1",
            "datacontenttype": "application/json",
            "time": now.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"),
            "intuitentityid": id,
            "intuitaccountid": REALM,
            "data": {},
        }
        for entity, id, operation in changes
    ]
    return Notification(body=exact_json.dumps(events).encode())


def _legacy(changes: Sequence[tuple[str, str, str]], now: datetime) -> Notification:
    entities = [
        {
            "name": entity,
            "id": id,
            "operation": operation,
            "lastUpdated": now.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        }
        for entity, id, operation in changes
    ]
    notification = {"realmId": REALM, "dataChangeEvent": {"entities": entities}}
    return Notification(body=exact_json.dumps({"eventNotifications": [notification]}).encode())


SANDBOX = Sandbox(
    handle=handle,
    documents=documents,
    pay=pay,
    credentials=sandbox_tokens.CREDENTIALS,
    settings={"realm": REALM, "item": "Services"},
    faults=faults.FAULTS,
)
