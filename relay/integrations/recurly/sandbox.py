"""A stand-in for a Recurly site, for test organizations: it keeps its books and says no as the
real one does.

recurly.com/developers/api/v2021-02-25: Basic authentication with the key alone, the version in
`Accept`, errors wrapped in `error`, rate headers on every answer.

Faults on demand are those of `relay.faults`, by the names of FAULTS.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from relay.core import exact_json
from relay.core.errors import Conflict, NotFound
from relay.core.facts import a_map
from relay.faults import due, late
from relay.integration import Answer, Books, Document, Notification, Sandbox, SandboxRequest
from relay.integrations.recurly import sandbox_site as site
from relay.integrations.recurly.sandbox_documents import stamp
from relay.integrations.recurly.sandbox_rules import Refused, declined, invalid

KEY = "sandbox-recurly-private-key"
VERSION = "v2021-02-25"
LIMIT = 400
WINDOW = timedelta(minutes=5)

_ACCEPT = re.compile(r"application/vnd\.recurly\.(v\d{4}-\d{2}-\d{2})(\+json)?\b")

Handler = Callable[[SandboxRequest, Books, str], tuple[int, Mapping[str, object]]]

ROUTES: Sequence[tuple[str, re.Pattern[str], Handler]] = [
    (method, re.compile(path), handler)
    for method, path, handler in (
        ("GET", r"/sites", site.sites),
        ("GET", r"/plans", site.plans),
        ("GET", r"/plans/(?P<id>[^/]+)", site.plan),
        ("POST", r"/accounts", site.make_account),
        ("GET", r"/accounts/(?P<id>[^/]+)", site.account),
        ("PUT", r"/accounts/(?P<id>[^/]+)", site.change_account),
        ("GET", r"/accounts/(?P<id>[^/]+)/invoices", site.account_invoices),
        ("GET", r"/accounts/(?P<id>[^/]+)/subscriptions", site.account_subscriptions),
        ("POST", r"/accounts/(?P<id>[^/]+)/invoices", site.invoice_pending),
        ("POST", r"/purchases", site.purchase),
        ("POST", r"/purchases/preview", site.preview),
        ("POST", r"/subscriptions", site.subscribe),
        ("GET", r"/subscriptions/(?P<id>[^/]+)", site.subscription),
        ("GET", r"/invoices", site.invoices),
        ("GET", r"/invoices/(?P<id>[^/]+)", site.invoice),
        ("GET", r"/transactions/(?P<id>[^/]+)", site.transaction),
    )
]

# Refusals that come in place of the work: status, type, words.
REFUSALS: Mapping[str, tuple[int, str, str]] = {
    "500": (500, "internal_server_error", "Something went wrong on our side."),
    "503": (503, "service_not_available", "Recurly is being maintained."),
    "throttle": (429, "rate_limited", "You have made too many API requests in the last hour."),
    "lock": (409, "simultaneous_request", "A change for this account is already in progress."),
    "unauthorized": (401, "unauthorized", "The API key is no longer valid."),
    "no_permission": (403, "invalid_permissions", "The API key may not do this."),
    "bad_request": (400, "bad_request", "The request cannot be read."),
    "missing_feature": (402, "missing_feature", "The site's plan does not include this."),
    "unknown_plan": (404, "not_found", "Couldn't find Plan with code = gold"),
    "old_version": (406, "unknown_api_version", "There is no such version any more."),
    "invalid": (422, "validation", "net_terms is not a number"),
    "immutable": (422, "immutable_subscription", "The subscription cannot be changed any more."),
    "tax": (422, "tax_service_error", "The tax service did not answer."),
}
# A card's refusals: category, code, words for us.
CARDS: Mapping[str, tuple[str, str, str]] = {
    "declined": ("hard", "declined", "The bank says no. Ask for another card."),
    "unreachable_gateway": ("communication", "gateway_timeout", "The gateway did not answer."),
}
# What it can be asked to do wrong, for people who try Relay out.
FAULTS: Mapping[str, str] = {
    "timeout_after_work": "does the work, and answers 504 as if it had not",
    "slow": "does the work, and answers late",
    "malformed": "does the work, and answers half a document",
    "500": "fails without doing anything",
    "503": "is being maintained",
    "throttle": "has no room: 429, with the time when there is some",
    "lock": "is changing the account already",
    "unauthorized": "does not know the key any more: a person has to give another",
    "duplicate_name": "somebody else has just made the account",
    "no_permission": "the key may not do this: a person has to change that",
    "bad_request": "cannot read the request",
    "missing_feature": "the site's plan does not include this",
    "unknown_plan": "does not know the plan",
    "old_version": "does not speak our version any more",
    "invalid": "takes offence at a value",
    "immutable": "the subscription cannot be changed any more",
    "tax": "the tax service did not answer",
    "declined": "the card was declined",
    "unreachable_gateway": "the card's gateway did not answer: nobody knows whether it was charged",
}


def handle(request: SandboxRequest, books: Books) -> Answer:
    """One API request."""
    if _is_person(request):
        return _page(request, books)
    fault = due(request, books)
    given = _answered(request, books, str(fault.get("fault", "")))
    return replace(given, headers={**given.headers, **late(fault)})


def documents(books: Books) -> Sequence[Document]:
    """The site's invoices, newest first."""
    return [_row(each) for each in reversed(books.all("invoices"))]


def pay(books: Books, id: str, now: datetime) -> Sequence[Notification]:
    """Records a payment from outside (a bank transfer); tells what Recurly tells: hardly
    anything.

    Raises NotFound for what is no invoice, Conflict for one that is paid.
    """
    invoice = books.get("invoices", id)
    if invoice is None:
        raise NotFound(f"there is no invoice {id} in this sandbox")
    if invoice["state"] == "paid":
        raise Conflict(f"invoice {invoice['number']} is paid already")
    site.settle(books, invoice, now)
    account = a_map(invoice["account"])
    body = {
        "id": id,
        "object_type": "charge_invoice",
        "site_id": site.SITE_ID,
        "event_type": "paid",
        "event_time": stamp(now),
        "uuid": invoice["uuid"],
        "invoice_number": invoice["number"],
        "account_code": account.get("code"),
    }
    return [Notification(body=exact_json.dumps(body).encode())]


def _answered(request: SandboxRequest, books: Books, fault: str) -> Answer:
    try:
        _check(request)
        _fail(fault)
        status, document, prior = _perform(request, books)
    except Refused as refusal:
        return _answer(request, refusal.status, refusal.document)
    if fault == "timeout_after_work":
        return _text(504, "upstream request timeout")
    more = {"idempotency-prior": "true"} if prior else {}
    given = _answer(request, status, document, more)
    if fault == "malformed":
        return replace(given, body=given.body[: len(given.body) // 2])
    return given


def _fail(fault: str) -> None:
    """The refusals that come in place of the work."""
    if fault in REFUSALS:
        raise Refused(*REFUSALS[fault])
    if fault == "duplicate_name":
        raise invalid("account.code", "has already been taken")
    if fault in CARDS:
        raise declined(*CARDS[fault])


def _check(request: SandboxRequest) -> None:
    if _key(request.headers.get("authorization", "")) != KEY:
        raise Refused(401, "unauthorized", "Please provide a valid API key.")
    accepted = _ACCEPT.search(request.headers.get("accept", ""))
    if accepted is None:
        raise Refused(406, "invalid_api_version", "That accept header isn't in the format we use"
                      " to specify an API version.")  # fmt: skip
    if accepted[1] != VERSION:
        raise Refused(406, "unknown_api_version", f"There is no version {accepted[1]}.")


def _perform(request: SandboxRequest, books: Books) -> tuple[int, Mapping[str, object], bool]:
    """The answer, and whether it is an earlier one: a key repeats what it once achieved."""
    key = request.headers.get("idempotency-key", "") if request.method != "GET" else ""
    kept = books.get("keys", key) if key else None
    if kept is not None:
        return int(str(kept["status"])), a_map(kept["document"]), True
    status, document = _route(request, books)
    if key:
        books.put("keys", key, {"status": status, "document": document})
    return status, document, False


def _route(request: SandboxRequest, books: Books) -> tuple[int, Mapping[str, object]]:
    for method, path, handler in ROUTES:
        match = path.fullmatch(request.path)
        if match and method == request.method:
            return handler(request, books, match.groupdict().get("id", ""))
    raise Refused(404, "not_found", f"There is no {request.method} {request.path} in this sandbox.")


def _is_person(request: SandboxRequest) -> bool:
    """A browser that follows a document's link."""
    sent = request.headers
    return "text/html" in sent.get("accept", "") and "authorization" not in sent


def _page(request: SandboxRequest, books: Books) -> Answer:
    found = books.get("invoices", request.path.rpartition("/")[2])
    if found is None:
        return _text(404, "There is nothing here.")
    row = _row(found)
    lines = [
        f"{row.kind} {row.number}",
        f"Customer  {row.customer}",
        f"Amount    {row.amount} {row.currency}",
        f"State     {row.state}",
        f"Made      {row.created_at}",
        "",
        "This is the sandbox's stand-in for Recurly's own page.",
    ]
    return _text(200, "\n".join(lines))


def _row(invoice: Mapping[str, object]) -> Document:
    account = a_map(invoice["account"])
    return Document(
        id=str(invoice["id"]),
        kind="invoice",
        number=str(invoice["number"]),
        customer=str(account.get("company") or account.get("email") or account.get("code") or ""),
        amount=str(invoice["total"]),
        currency=str(invoice["currency"]),
        state=str(invoice["state"]),
        created_at=str(invoice["created_at"]),
        payable=invoice["state"] != "paid",
    )


def _text(status: int, words: str) -> Answer:
    headers = {"content-type": "text/plain; charset=utf-8"}
    return Answer(status=status, body=words.encode(), headers=headers)


def _answer(
    request: SandboxRequest,
    status: int,
    document: Mapping[str, object],
    headers: Mapping[str, str] | None = None,
) -> Answer:
    reset = int((request.now + WINDOW).timestamp())
    return Answer(
        status=status,
        body=exact_json.dumps(document).encode(),
        headers={
            "content-type": f"application/vnd.recurly.{VERSION}+json; charset=utf-8",
            "x-ratelimit-limit": str(LIMIT),
            "x-ratelimit-remaining": "0" if status == 429 else str(LIMIT - 1),  # noqa: PLR2004
            "x-ratelimit-reset": str(reset),
            **(headers or {}),
        },
    )


def _key(authorization: str) -> str:
    kind, _, encoded = authorization.partition(" ")
    try:
        user, _, _ = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return user if kind.lower() == "basic" else ""


SANDBOX = Sandbox(
    handle=handle,
    documents=documents,
    pay=pay,
    credentials={"api_key": KEY},
    settings={"net_terms": 30},
    faults=FAULTS,
)
