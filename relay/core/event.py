"""What arrives, in one vocabulary: the event types and the facts each of them binds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

PERSON = (
    "email",
    "emails",
    "name",
    "first_name",
    "last_name",
    "phone",
    "company",
    "title",
    "website",
    "address",
)
MONEY = (
    "customer_email",
    "customer_name",
    "number",
    "our_number",
    "currency",
    "total",
    "paid_amount",
    "paid_on",
    "due_date",
    "issued_on",
    "url",
)
MEMBER = ("email", "name", "list", "fields")

FACTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "form.submitted": (
            "email",
            "name",
            "first_name",
            "last_name",
            "phone",
            "company",
            "fields",
        ),
        "card.scanned": PERSON,
        "person.enriched": PERSON,
        "invoice.created": MONEY,
        "invoice.sent": MONEY,
        "invoice.paid": MONEY,
        "invoice.overdue": MONEY,
        "payment.received": MONEY,
        "payment.failed": MONEY,
        "subscription.started": MONEY,
        "subscription.cancelled": MONEY,
        "member.subscribed": MEMBER,
        "member.unsubscribed": MEMBER,
        "member.updated": MEMBER,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedEvent:
    """One thing that happened, as a source reads it.

    `data` holds the facts of `type`: text, Decimal (major units), `YYYY-MM-DD` text, lists, maps;
    absent ones are filled with None by `facts_of`. `body` is what the sender sent about this one
    thing. `key` names it among all events of the source, so that it is taken once even when it is
    told in two formats; None where the delivery's own key is enough. `complete` is False where
    the sender only names the thing and a call through the connection has to fetch the facts.
    """

    type: str
    data: Mapping[str, object] = field(default_factory=dict)
    body: object = None
    key: str | None = None
    complete: bool = True
    occurred_at: datetime | None = None


def facts_of(event: ParsedEvent) -> dict[str, object]:
    """Every fact of the event's type, absent ones as None; an unknown type keeps what it has."""
    return dict.fromkeys(FACTS.get(event.type, ())) | dict(event.data)
