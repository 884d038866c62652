"""Books sales in QuickBooks Online, and reads what its thin notifications only name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from relay.core.errors import InvalidInput, NotFound
from relay.core.facts import a_text
from relay.http import Http
from relay.integration import Call, Connection, Connector, Lookup, Output, Pace
from relay.integrations.quickbooks.client import HOSTS, Company
from relay.integrations.quickbooks.consent import CONSENT
from relay.integrations.quickbooks.documents import KINDS, book
from relay.integrations.quickbooks.faults import NOT_FOUND, Refused
from rules.engine import Param, Verb

_DOCUMENT = re.compile(r"/(invoice|salesreceipt|estimate)/([^/]+)")

_PARAMS = (
    Param("customer", "text", required=True, help="The customer's name; made where absent."),
    Param("email", "text", help="Finds the customer, and stands on the document."),
    Param("amount", "number", help="The whole amount, on the connection's own item."),
    Param("lines", "list", help="Lines of {item?, description?, quantity?, amount}; amount is the "
          "line's whole amount."),
    Param("date", "date", help="The document's date; QuickBooks' own day where absent."),
    Param("due_days", "number", help="Due (an estimate: valid) this many days after the date; a "
          "sales receipt has none."),
    Param("currency", "text", help="Such as EUR; the customer's own where absent."),
    Param("booking", "text", help="A label, to book a second document for the same deal."),
)  # fmt: skip

_HELP = {
    "invoice": "Books an invoice, which opens a receivable.",
    "sales_receipt": "Books a sales receipt: the sale and its money together.",
    "estimate": "Makes an estimate, which leaves the books alone; nearest to a sales order.",
}

VERBS: Mapping[str, Verb] = {
    name: Verb(
        name=f"quickbooks.{name}",
        params=_PARAMS,
        books=True,
        one_of=(("amount", "lines"),),
        output=("id", "number", "url"),
        help=_HELP[name],
    )
    for name in KINDS
}


async def perform(call: Call) -> Output:
    """One booking."""
    if call.verb not in KINDS:
        raise InvalidInput(f"QuickBooks has no action {call.verb!r}")
    return await book(call)


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


CONNECTOR = Connector(
    verbs=VERBS,
    perform=perform,
    test=test,
    lookup=lookup,
    settings={
        "realm": "the company's id (Settings, Additional info, or realmId when connecting)",
        "item": "the item of lines that name none (Services)",
        "tax_code": "the tax code of each line: TAX or NON in the US, an id elsewhere",
        "customers": "names or addresses and the ids of their customers: Acme Ltd=42, b@c.de=43",
    },
    secrets=("client_id", "client_secret", "refresh_token"),
    hosts=HOSTS,
    check=check,
    consent=CONSENT,
    account=lambda settings: a_text(settings.get("realm")) or "",
    pace=Pace(per_minute=500, at_once=10),
)
