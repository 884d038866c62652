"""Books sales in Recurly: one purchase, one invoice, one `po_number` to find it by."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from relay.core.errors import InvalidInput, RetryableError, UnknownOutcome
from relay.core.facts import a_list, a_map, a_text
from relay.http import Http
from relay.integration import Call, Connection, Connector, Lookup, Output, Pace
from relay.integrations.recurly import accounts, purchase
from relay.integrations.recurly.api import Api, code_path, connect
from relay.integrations.recurly.books import books
from relay.integrations.recurly.money import currency_of
from rules.engine import Param, Verb

# The newest first: an earlier try of ours is among them.
NEWEST = {"limit": "200", "order": "desc", "sort": "created_at"}

_OUTPUT = ("id", "number", "url", "amount", "currency")
_ACCOUNT_CODE = Param(
    "account_code", "text", required=True, help="the customer's code; the account's id serves well"
)
_CURRENCY = Param("currency", "text", required=True, help="three letters, enabled at the site")
_EMAIL = Param("email", "text", help="for a new customer; the contact's address unless given")
_AMOUNT = Param("amount", "number", help="what the whole costs; with a plan: per billing period")
_LINES = Param(
    "lines", "list", help="one-time charges: {item?, description?, quantity?, amount}; amount is"
    " the line's sum, item an item code"
)  # fmt: skip
_QUANTITY = Param("quantity", "number", help="how many (1)")
_COLLECTION = Param(
    "collection", "text", help="manual, or automatic: charges the card that the account has on file"
)
_BOOKING = Param("booking", "text", help="a label; a deal is booked once for each (sale)")

VERBS: Mapping[str, Verb] = {
    "purchase": Verb(
        name="recurly.purchase",
        params=(_ACCOUNT_CODE, _CURRENCY, _EMAIL, Param("plan_code", "text", help="a plan's code"),
                _AMOUNT, _LINES, _QUANTITY, _COLLECTION, _BOOKING),
        books=True,
        one_of=(("plan_code", "amount", "lines"),),
        output=_OUTPUT,
        help="Invoices a plan, an amount or lines, and makes the customer if the code is new.",
    ),
    "subscription": Verb(
        name="recurly.subscription",
        params=(_ACCOUNT_CODE, Param("plan_code", "text", required=True, help="a plan's code"),
                _CURRENCY, _EMAIL, _QUANTITY, _AMOUNT, _LINES, _COLLECTION, _BOOKING),
        books=True,
        output=_OUTPUT,
        help="Starts a subscription to a plan, and makes the customer if the code is new.",
    ),
    "invoice": Verb(
        name="recurly.invoice",
        params=(_ACCOUNT_CODE, _CURRENCY, _COLLECTION, _BOOKING),
        books=True,
        output=_OUTPUT,
        help="Invoices the charges that are pending on the account.",
    ),
    "account": Verb(
        name="recurly.account",
        params=(_ACCOUNT_CODE, _EMAIL, Param("first_name", "text", help="kept with the account"),
                Param("last_name", "text", help="kept with the account"),
                Param("company", "text", help="kept with the account"),
                Param("phone", "text", help="kept with the account")),
        output=("id", "code", "url"),
        help="Makes an account, or changes what differs of the one there is.",
    ),
}  # fmt: skip

SETTINGS = {
    "net_terms": "days until an invoice is due (30)",
    "site": "the site's subdomain, for links to its pages and to tell its books from another's",
}

_SITE = re.compile(r"[A-Za-z0-9-]{1,63}")

# A site lives in one region.
HOSTS = {"us": "https://v3.recurly.com", "eu": "https://v3.eu.recurly.com"}


async def perform(call: Call) -> Output:
    """Does it, unless an earlier try has done it."""
    if call.verb not in VERBS:
        raise InvalidInput(f"Recurly has no verb {call.verb!r}")
    if call.verb == "account":
        return await _kept(call)
    # What cannot be booked is refused before anybody is asked.
    wanted = purchase.read(call) if call.verb != "invoice" else None
    code = purchase.account_code(call.params)
    api = await connect(call.connection, call.http, call.now)
    known, earlier = await _look(api, call, code)
    if earlier is not None:
        return earlier
    if wanted is None:
        made = await accounts.invoice_pending(api, call)
    else:
        made = await api.post("/purchases", purchase.body(wanted, call, known=known), call.key)
    invoice = a_map(made.document.get("charge_invoice"))
    return _output(call, invoice, currency_of(call.params.get("currency")), found=made.prior)


async def _kept(call: Call) -> Output:
    api = await connect(call.connection, call.http, call.now)
    account = await accounts.keep(api, call)
    id, code = a_text(account.get("id")), a_text(account.get("code"))
    site = a_text(call.connection.settings.get("site"))
    root = f"https://{site}.recurly.com" if site else call.connection.base_url.rstrip("/")
    return Output(data={"id": id, "code": code, "url": f"{root}/accounts/{code if site else id}"})


async def _look(api: Api, call: Call, code: str) -> tuple[bool, Output | None]:
    """Whether the customer is known, and what an earlier try has booked.

    While an earlier try is undecided, a failure to look leaves it undecided: the next try has to
    look again, under the same key.
    """
    try:
        account = await api.find(code_path(code))
        if account is None:
            return False, None
        return True, await _earlier(api, call, code) if call.look_first else None
    except RetryableError as error:
        if not call.look_first:
            raise
        raise UnknownOutcome(
            f"the earlier try is still open: {error}",
            status=error.status,
            retry_after=error.retry_after,
        ) from error


async def _earlier(api: Api, call: Call, code: str) -> Output | None:
    """The booking with our number among the customer's newest invoices, else subscriptions (one
    in its trial has no invoice)."""
    for kind in ("invoices", "subscriptions"):
        page = await api.get(f"{code_path(code)}/{kind}", NEWEST)
        for document in map(a_map, a_list(page.get("data"))):
            if document.get("po_number") == call.number and document.get("type") != "credit":
                return _output(call, document, "", found=True)
    return None


def _output(call: Call, document: Mapping[str, object], currency: str, *, found: bool) -> Output:
    """`document` is an invoice or, without one, a subscription or nothing at all."""
    money = a_text(document.get("currency")) or currency or None
    amount = document.get("total")
    data = {
        "id": a_text(document.get("id")),
        "number": a_text(document.get("number")) or call.number,
        "url": _url(call.connection, document),
        "amount": Decimal(str(amount)) if amount is not None else None,
        "currency": money,
    }
    return Output(data=data, found=found, amount=data["amount"], currency=money)


def _url(connection: Connection, document: Mapping[str, object]) -> str | None:
    """The invoice's page where the site is known, else its address in the API."""
    site, number = a_text(connection.settings.get("site")), a_text(document.get("number"))
    if site and number:
        return f"https://{site}.recurly.com/invoices/{number}"
    id = a_text(document.get("id"))
    kind = "subscriptions" if document.get("object") == "subscription" else "invoices"
    return f"{connection.base_url.rstrip('/')}/{kind}/{id}" if id else None


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """The site's name; says which kind it is, for addresses and keys do not show it."""
    api = await connect(connection, http, now)
    sites = a_list((await api.get("/sites")).get("data"))
    site = a_map(sites[0]) if sites else {}
    return f"Recurly site {a_text(site.get('subdomain')) or '?'} ({a_text(site.get('mode'))})"


@dataclass(frozen=True, slots=True)
class RecurlyLookup:
    """The reads that complete a thin notification."""

    connection: Connection
    http: Http
    now: datetime

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
        api = await connect(self.connection, self.http, self.now)
        return await api.get(path, params)


def lookup(connection: Connection, http: Http, now: datetime) -> Lookup:
    return RecurlyLookup(connection, http, now)


def check(settings: Mapping[str, object]) -> None:
    """Raises InvalidInput for settings that no booking would get through with."""
    days = a_text(settings.get("net_terms"))
    if days is not None and not (days.isascii() and days.isdigit() and len(days) < len("1000")):
        raise InvalidInput(f"net_terms is a number of days, not {days!r}")
    site = a_text(settings.get("site"))
    if site is not None and not _SITE.fullmatch(site):
        raise InvalidInput(f"site is the subdomain alone, such as acme, not {site!r}")


CONNECTOR = Connector(
    verbs=VERBS,
    perform=perform,
    test=test,
    lookup=lookup,
    settings=SETTINGS,
    secrets=("api_key",),
    hosts=HOSTS,
    check=check,
    account=lambda settings: (a_text(settings.get("site")) or "").lower(),
    # A sandbox site takes 400 requests a minute; production 1000, of which only GETs count.
    pace=Pace(per_minute=400, at_once=20),
    books=books,
)
