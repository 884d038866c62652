"""Books sales in Zuora: one order, under our own number, for an account found or made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote, urlsplit

from relay.core.errors import (
    InvalidInput,
    PermanentError,
    RemoteError,
    RetryableError,
    UnknownOutcome,
)
from relay.core.facts import a_list, a_map, a_text
from relay.http import Http
from relay.integration import Call, Connection, Connector, InBooks, Lookup, Output, Pace, Span
from relay.integrations.zuora import order
from relay.integrations.zuora.api import Api
from rules.engine import Param, Verb

_ADDRESS = Param("address", "map", help="of a new account: street, city, state, postcode, country")

VERBS: Mapping[str, Verb] = {
    "order": Verb(
        name="zuora.order",
        params=(
            Param("account_number", "text",
                  help="the customer's number; empty: the deal's own account, made if new"),
            Param("order_date", "date", required=True, help="when the contract begins"),
            Param("rate_plans", "list", required=True, help="numbers or ids of product rate plans"),
            _ADDRESS,
            Param("booking", "text", help="a label; a deal is booked once for each (sale)"),
        ),
        books=True,
        output=("id", "number", "subscription", "account", "invoice", "url"),
        help="Orders a subscription to rate plans, and makes the customer if there is none.",
    ),
    "account": Verb(
        name="zuora.account",
        params=(_ADDRESS,),
        output=("id", "number", "url"),
        help="Makes the deal's account in Zuora, if it is not there.",
    ),
}  # fmt: skip

SETTINGS = {
    "currency": "of new accounts (USD)",
    "payment_term": "of new accounts, as the tenant calls it (Net 30)",
    "bill_cycle_day": "of new accounts: the day of the month (1)",
    "country": "of new accounts' contacts, as the tenant calls it; many tenants demand one",
    "term_months": "how long a subscription runs (12)",
    "auto_renew": "no: subscriptions end with their term (yes)",
    "run_billing": "no: orders are not invoiced at once (yes)",
    "rate_plans": "what your CRM calls a rate plan → its number, where the two differ",
}

# A token is good on its own host alone.
HOSTS = {
    "us-1": "https://rest.na.zuora.com",
    "us-2": "https://rest.zuora.com",
    "eu": "https://rest.eu.zuora.com",
    "ap": "https://rest.ap.zuora.com",
    "us-1-sandbox": "https://rest.sandbox.na.zuora.com",
    "us-2-sandbox": "https://rest.apisandbox.zuora.com",
    "us-central-sandbox": "https://rest.test.zuora.com",
    "eu-sandbox": "https://rest.sandbox.eu.zuora.com",
    "eu-central-sandbox": "https://rest.test.eu.zuora.com",
    "ap-central-sandbox": "https://rest.test.ap.zuora.com",
    "performance-test": "https://rest.pt1.zuora.com",
}

KNOWN = "-known"  # ends the key of an order for an account of ours that is there
STEP_SECONDS = 180.0  # what a step may take: as long another may have to wait

# No account has this number: who can be told so is signed in and may read.
PROBE = "relay-connection-test"


async def perform(call: Call) -> Output:
    """Places the order, unless an earlier try has placed it. Zuora locks the account while it does:
    two orders of one would meet."""
    if call.verb not in VERBS:
        raise InvalidInput(f"Zuora has no verb {call.verb!r}")
    if call.verb == "account":
        return await _kept(call)
    wanted = order.read(call)
    account = wanted.account_number or order.own_account_number(call.deal)
    async with call.http.alone_with(f"account {account}", STEP_SECONDS):
        return await _placed(call, wanted)


async def _placed(call: Call, wanted: order.Order) -> Output:
    api = Api(connection=call.connection, http=call.http, now=call.now, track=call.number)
    earlier, existing = await _look(api, call, wanted)
    if earlier is not None:
        return earlier
    # Another request than the one that makes the account, whose answer would be played back.
    known = existing is not None and not wanted.account_number
    key = call.key + KNOWN if known else call.key
    try:
        made = await api.post("/v1/orders", order.body(wanted, call, existing), key)
    except PermanentError as refusal:
        return await _settled(api, call, refusal, is_new=existing is None)
    output = _output(call, made, account=a_text(made.get("accountNumber")))
    return await _priced(api, output)


async def _kept(call: Call) -> Output:
    """The deal's own account, made where it is not there: once, for its number is ours."""
    number = order.own_account_number(call.deal)
    async with call.http.alone_with(f"account {number}", STEP_SECONDS):
        return await _made(call, number)


async def _made(call: Call, number: str) -> Output:
    address = order.address_of(call.params.get("address"))
    wanted = order.new_account(call.deal, call.connection.settings, address, "zipCode")
    api = Api(connection=call.connection, http=call.http, now=call.now, track=call.key)
    url = f"{call.connection.base_url.rstrip('/')}{_account_path(number)}"
    known = await api.find(_account_path(number))
    if known is None:
        made = await api.post("/v1/accounts", wanted, call.key)
        return Output(data={"id": a_text(made.get("accountId")), "number": number, "url": url})
    id = a_text(a_map(known.get("basicInfo")).get("id"))
    return Output(data={"id": id, "number": number, "url": url})


async def _priced(api: Api, output: Output) -> Output:
    """With what the order's invoice comes to. The order stands whether that can be read or not."""
    number = a_text(output.data.get("invoice"))
    if number is None:
        return output
    try:
        bill = await api.find(f"/v1/invoices/{quote(number, safe='')}") or {}
    except RemoteError:
        return output
    return replace(output, amount=bill.get("amount"), currency=a_text(bill.get("currency")))


async def _look(api: Api, call: Call, wanted: order.Order) -> tuple[Output | None, str | None]:
    """What an earlier try has placed, and the number of the account if there is one.

    While an earlier try is undecided, a failure to look leaves it undecided: the next try has to
    look again, under the same key.
    """
    try:
        earlier = await _earlier(api, call) if call.look_first else None
        if earlier is not None or wanted.account_number:
            return earlier, wanted.account_number
        own = order.own_account_number(call.deal)
        return None, own if await api.find(_account_path(own)) else None
    except RetryableError as error:
        if not call.look_first:
            raise
        raise UnknownOutcome(
            f"the earlier try is still open: {error}",
            status=error.status,
            retry_after=error.retry_after,
        ) from error


async def _earlier(api: Api, call: Call) -> Output | None:
    """The order with our number. A time-out means nothing: Zuora goes on and places it."""
    found = await api.find(f"/v1/orders/{quote(call.number, safe='')}")
    if found is None:
        return None
    placed = a_map(found.get("order"))
    return _output(call, placed, account=a_text(placed.get("existingAccountNumber")), found=True)


async def _settled(api: Api, call: Call, refusal: PermanentError, *, is_new: bool) -> Output:
    """A refusal may only mean that the number is taken: by an earlier try, or, the account's, by
    another deal at the same time. Zuora does not document its code for that, so we look."""
    try:
        if earlier := await _earlier(api, call):
            return earlier
        own = order.own_account_number(call.deal)
        made_meanwhile = is_new and await api.find(_account_path(own))
    except RemoteError:
        raise refusal from None
    if made_meanwhile:
        raise RetryableError(f"the account {own} was made meanwhile", status=refusal.status)
    raise refusal


def _output(
    call: Call, placed: Mapping[str, object], *, account: str | None, found: bool = False
) -> Output:
    number = a_text(placed.get("orderNumber")) or call.number
    data = {
        "id": a_text(placed.get("orderId")),
        "number": number,
        "subscription": _subscription(placed),
        "account": account,
        "invoice": _first(placed.get("invoiceNumbers")),
        "url": f"{call.connection.base_url.rstrip('/')}/v1/orders/{quote(number, safe='')}",
    }
    return Output(data=data, found=found)


def _subscription(placed: Mapping[str, object]) -> str | None:
    if number := _first(placed.get("subscriptionNumbers")):
        return number
    subscriptions = a_list(placed.get("subscriptions"))
    first = a_map(subscriptions[0]) if subscriptions else {}
    return a_text(first.get("subscriptionNumber"))


def _first(value: object) -> str | None:
    values = a_list(value)
    return a_text(values[0]) if values else None


def _account_path(number: str) -> str:
    return f"/v1/accounts/{quote(number, safe='')}"


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """Signs in and reads; the tenant's own name is nowhere to be had, so its host stands for it."""
    api = Api(connection=connection, http=http, now=now)
    await api.find(_account_path(PROBE))
    return f"Zuora at {urlsplit(connection.base_url).hostname}"


async def books(connection: Connection, http: Http, now: datetime, span: Span) -> Sequence[InBooks]:
    """The orders of our numbers; an order has no amount of its own."""
    api = Api(connection=connection, http=http, now=now)
    found = []
    for number in span.numbers:
        path = f"/v1/orders/{quote(number, safe='')}"
        if (known := await api.find(path)) is not None:
            placed = a_map(known.get("order"))
            found.append(
                InBooks(
                    number=number,
                    id=a_text(placed.get("orderId")),
                    external_number=a_text(placed.get("orderNumber")),
                    amount=None,
                    currency=a_text(placed.get("currency")),
                    url=connection.base_url.rstrip("/") + path,
                )
            )
    return found


def lookup(connection: Connection, http: Http, now: datetime) -> Lookup:
    """The reads that complete a callout."""
    return Api(connection=connection, http=http, now=now)


CONNECTOR = Connector(
    verbs=VERBS,
    perform=perform,
    test=test,
    lookup=lookup,
    settings=SETTINGS,
    secrets=("client_id", "client_secret"),
    hosts=HOSTS,
    check=order.check,
    # Zuora's older page on concurrent requests: 200 for a tenant, 40 of those that subscribe.
    pace=Pace(per_minute=2000, at_once=40),
    books=books,
)
