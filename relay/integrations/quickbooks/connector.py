"""Books sales in QuickBooks Online, and reads what its thin notifications only name."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from relay.core import options
from relay.core.errors import InvalidInput, NotFound, RetryableError, UnknownOutcome
from relay.core.facts import a_text
from relay.http import Http
from relay.integration import Call, Connection, Connector, Lookup, Output, Pace
from relay.integrations.quickbooks.books import books
from relay.integrations.quickbooks.client import HOSTS, Company
from relay.integrations.quickbooks.consent import CONSENT
from relay.integrations.quickbooks.customer import keep
from relay.integrations.quickbooks.documents import KINDS, TAX, book
from relay.integrations.quickbooks.faults import NOT_FOUND, Refused
from relay.integrations.quickbooks.payment import receive
from rules.engine import Param, Verb

_DOCUMENT = re.compile(r"/(invoice|salesreceipt|estimate)/([^/]+)")

_EMAIL = Param("email", "text", help="Finds the customer, and stands on the document.")
_CURRENCY = Param("currency", "text", help="Such as EUR; the customer's own where absent.")
_BOOKING = Param("booking", "text", help="A label, to book a second document for the same deal.")
_PARAMS = (
    Param("customer", "text", required=True, help="The customer's name; made where absent."),
    _EMAIL,
    Param("amount", "number", help="The whole amount, on the connection's own item."),
    Param("lines", "list", help="Lines of {item?, description?, quantity?, amount, tax_code?};"
          " amount is the line's whole amount."),
    Param("date", "date", help="The document's date; QuickBooks' own day where absent."),
    Param("due_days", "number", help="Due (an estimate: valid) this many days after the date; a "
          "sales receipt has none."),
    Param("tax_code", "text", help="The lines' tax code; the connection's where absent."),
    _CURRENCY,
    _BOOKING,
)  # fmt: skip
_PAYMENT = (
    Param("amount", "number", required=True, help="What was paid."),
    Param("invoice", "text", help="The number of the invoice that was paid, ours or theirs."),
    Param("customer", "text", help="Who paid, where there is no invoice."),
    _EMAIL,
    Param("date", "date", help="When it was paid; QuickBooks' own day where absent."),
    _CURRENCY,
    _BOOKING,
)
_CUSTOMER = (
    Param("customer", "text", required=True, help="The customer's name."),
    Param("email", "text", help="Finds the customer, and is kept with them."),
    Param("phone", "text", help="Kept with the customer."),
    Param("company", "text", help="The company's name, kept with the customer."),
)

_HELP = {
    "sale": "Books the kind of document that the connection's setting `document` names.",
    "invoice": "Books an invoice, which opens a receivable.",
    "sales_receipt": "Books a sales receipt: the sale and its money together.",
    "estimate": "Makes an estimate, which leaves the books alone; nearest to a sales order.",
}

VERBS: Mapping[str, Verb] = {
    **{
        name: Verb(
            name=f"quickbooks.{name}",
            params=_PARAMS,
            books=True,
            one_of=(("amount", "lines"),),
            output=("id", "number", "url"),
            help=help,
        )
        for name, help in _HELP.items()
    },
    "payment": Verb(
        name="quickbooks.payment",
        params=_PAYMENT,
        books=True,
        one_of=(("invoice", "customer"),),
        output=("id", "number", "url"),
        help="Receives a payment on an invoice, or on the customer's account.",
    ),
    "customer": Verb(
        name="quickbooks.customer",
        params=_CUSTOMER,
        output=("id", "name", "url"),
        help="Makes a customer, or changes what differs of the one there is.",
    ),
}

_WORK: Mapping[str, Callable[[Call], Awaitable[Output]]] = {
    **dict.fromkeys(_HELP, book),
    "payment": receive,
    "customer": keep,
}


async def perform(call: Call) -> Output:
    """One booking, or one change of a customer.

    While an earlier try is undecided, a call that may pass later leaves it undecided: the next try
    has to look again, under the same key.
    """
    if call.verb not in _WORK:
        raise InvalidInput(f"QuickBooks has no action {call.verb!r}")
    try:
        return await _WORK[call.verb](call)
    except RetryableError as error:
        if not call.look_first:
            raise
        raise UnknownOutcome(
            f"an earlier try is still open: {error}",
            status=error.status,
            retry_after=error.retry_after,
        ) from error


async def test(connection: Connection, http: Http, now: datetime) -> str:
    """Names the company that answers."""
    company = Company(connection=connection, http=http, now=now)
    customers = await company.count("Customer")
    return f"QuickBooks company {company.realm}, {customers} customers"


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads documents of the connection's company."""

    company: Company

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """The document at `path`, with `link`, where a person sees it. Raises NotFound for what
        has been deleted and for another company's."""
        if not path.startswith(f"/v3/company/{self.company.realm}/"):
            raise NotFound("the notification is of another company than the connection")
        try:
            answer = await self.company.get(path, params)
        except Refused as refusal:
            if refusal.code == NOT_FOUND or refusal.status == 404:  # noqa: PLR2004 - HTTP's own
                raise NotFound(str(refusal)) from refusal
            raise
        match = _DOCUMENT.search(path)
        return {**answer, "link": self.company.page(match[1], match[2]) if match else None}


def lookup(connection: Connection, http: Http, now: datetime) -> Lookup:
    """The calls that complete a notification."""
    return Reader(Company(connection=connection, http=http, now=now))


def check(settings: Mapping[str, object]) -> None:
    """Raises InvalidInput for settings that no booking would get through with."""
    realm = a_text(settings.get("realm"))
    if realm is not None and not (realm.isascii() and realm.isdigit()):
        raise InvalidInput(f"realm is the company's id, digits alone, not {realm!r}")
    for name, known in (("document", KINDS), ("tax", TAX)):
        given = options.text(settings, name)
        if given and given not in known:
            raise InvalidInput(f"{name} is one of {', '.join(known)}, not {given!r}")
    days = options.text(settings, "due_days")
    if days and not (days.isascii() and days.isdigit() and len(days) < len("10000")):
        raise InvalidInput(f"due_days is a whole number of days, not {days!r}")
    currency = options.text(settings, "currency")
    if currency and not (currency.isascii() and currency.isalpha() and len(currency) == 3):  # noqa: PLR2004
        raise InvalidInput(f"currency is a three-letter code such as USD, not {currency!r}")


CONNECTOR = Connector(
    verbs=VERBS,
    perform=perform,
    test=test,
    lookup=lookup,
    settings={
        "realm": "the company's id (Settings, Additional info, or realmId when connecting)",
        "document": "what quickbooks.sale books: invoice, sales_receipt or estimate (invoice)",
        "item": "the item of lines that name none (Services)",
        "tax_code": "the tax code of each line: TAX or NON in the US, an id elsewhere",
        "tax": "outside the US: excluded, included or none: whether amounts have tax in them",
        "deposit_account": "the id of the account that receipts and payments go to",
        "due_days": "days until an invoice is due (QuickBooks' own terms)",
        "currency": "of documents whose rule names none (the customer's own)",
        "customers": "names or addresses and the ids of their customers: Acme Ltd=42, b@c.de=43",
    },
    secrets=("client_id", "client_secret", "refresh_token"),
    hosts=HOSTS,
    check=check,
    consent=CONSENT,
    account=lambda settings: a_text(settings.get("realm")) or "",
    pace=Pace(per_minute=500, at_once=10),
    books=books,
)
