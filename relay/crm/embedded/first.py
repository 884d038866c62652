"""What the first organization finds in its CRM: the records that the worked examples need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from relay.crm.embedded.admin import ACCOUNT_BASICS, NewField, create_field, create_list
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.verbs import VERBS
from relay.crm.model import FieldType, ListType
from relay.crm.moments import milliseconds
from relay.crm.port import Author, Done, Operation

AUTHOR = Author(kind="person", ref="relay")

_STATUS = ("Lead", "Proposal", "Negotiation", "Deal Won", "Paid", "Deal Lost")
DEALS = (
    NewField(name="Status", type=FieldType.LIST, options=_STATUS),
    NewField(name="Owner", type=FieldType.USER),
    NewField(name="Amount", type=FieldType.NUMERIC),
    NewField(name="Seats", type=FieldType.NUMERIC),
    NewField(name="Paid Amount", type=FieldType.NUMERIC),
    NewField(name="Close Date", type=FieldType.DATE),
    NewField(name="Booked On", type=FieldType.DATE),
    NewField(name="Paid Date", type=FieldType.DATE),
    NewField(name="Plan", type=FieldType.LIST, options=("one-off", "annual", "monthly")),
    NewField(name="Receipt No", type=FieldType.TEXT),
)
ENTERPRISE_DEALS = (
    NewField(name="Status", type=FieldType.LIST, options=_STATUS),
    NewField(name="Owner", type=FieldType.USER),
    NewField(name="Amount", type=FieldType.NUMERIC),
    NewField(name="Paid Amount", type=FieldType.NUMERIC),
    NewField(name="Close Date", type=FieldType.DATE),
    NewField(name="Paid Date", type=FieldType.DATE),
    NewField(
        name="Rate Plans",
        type=FieldType.LIST,
        options=("PRP-00000001", "PRP-00000002"),
        is_multi=True,
    ),
)
LEADS = (
    NewField(name="Status", type=FieldType.LIST, options=("New", "Contacted", "Qualified")),
    NewField(name="Account Name", type=FieldType.TEXT),
    NewField(name="Owner", type=FieldType.USER),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Firm:
    name: str
    contact: str
    email: str
    phone: str
    title: str


_FIRMS = (
    _Firm(
        name="Northwind Tea",
        contact="Ada Fisher",
        email="ada@northwind.example",
        phone="+1 415-555-0134",
        title="Head of Operations",
    ),
    _Firm(
        name="Larkspur Dental",
        contact="Ben Ortiz",
        email="ben@larkspur.example",
        phone="+1 206-555-0172",
        title="Practice Manager",
    ),
    _Firm(
        name="Granite Freight",
        contact="Cleo Marsh",
        email="cleo@granite.example",
        phone="+1 312-555-0198",
        title="CFO",
    ),
)


def seed(conn: Connection, org_id: int, owner_user_id: str, now: datetime) -> None:
    """Lists, fields, accounts with contacts, and four deals in Negotiation. Fires nothing: what an
    organization starts with is its baseline."""
    now_ms = milliseconds(now)
    lists(conn, org_id, now_ms)
    book = _Book(Desk(conn=conn, org=org_id, now_ms=now_ms, wanted=lambda _list, _slug: False))
    people, firms = book.firms()
    closing = [(now.date() + timedelta(days=days)).isoformat() for days in (5, 12, 30)]
    for deal in _deals(owner_user_id, closing):
        book.do(
            "create_item",
            list=deal.list,
            name=deal.name,
            contact=people[deal.firm],
            account=firms[deal.firm],
            fields=deal.fields,
        )


def lists(conn: Connection, org_id: int, now_ms: int) -> None:
    """The lists and fields of a new organization, without records."""
    for new in (*ACCOUNT_BASICS, NewField(name="Zuora Number", type=FieldType.TEXT)):
        create_field(conn, org_id, new=new)
    for number, (title, type_, fields) in enumerate(
        (
            ("Deals", ListType.ACCOUNT, DEALS),
            ("Enterprise Deals", ListType.ACCOUNT, ENTERPRISE_DEALS),
            ("Leads", ListType.CONTACT, LEADS),
        )
    ):
        # Lists are shown in order of creation.
        create_list(
            conn, org_id, title=title, type=type_, now_ms=now_ms + number, new_fields=fields
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Deal:
    list: str
    firm: int
    name: str
    fields: dict[str, object]


def _deals(owner: str, closing: Sequence[str]) -> list[_Deal]:
    base: dict[str, object] = {"status": "Negotiation", "owner": owner}
    one_off = {**base, "amount": "1250.00", "plan": "one-off", "close_date": closing[0]}
    annual = {
        **base, "amount": "14400.00", "seats": "12", "plan": "annual", "close_date": closing[1],
    }  # fmt: skip
    enterprise = {
        **base, "amount": "30000.00", "close_date": closing[2],
        "rate_plans": ["PRP-00000001", "PRP-00000002"],
    }  # fmt: skip
    unpriced = {**base, "plan": "one-off"}
    return [
        _Deal(list="Deals", firm=0, name="Northwind onboarding", fields=one_off),
        _Deal(list="Deals", firm=1, name="Larkspur annual plan", fields=annual),
        _Deal(list="Enterprise Deals", firm=2, name="Granite rollout", fields=enterprise),
        _Deal(list="Deals", firm=2, name="Granite workshop", fields=unpriced),
    ]


class _Book:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def firms(self) -> tuple[list[str], list[str]]:
        """The ids of the contacts and of the accounts, in order."""
        people = [
            self.do(
                "upsert_contact",
                email=one.email,
                name=one.contact,
                phone=one.phone,
                title=one.title,
            )
            for one in _FIRMS
        ]
        firms = [
            self.do("upsert_account", name=one.name, contact=person)
            for one, person in zip(_FIRMS, people, strict=True)
        ]
        return people, firms

    def do(self, verb: str, **params: object) -> str:
        operation = Operation(org=self._desk.org, verb=verb, params=params, author=AUTHOR, key="")
        (result,) = VERBS[verb](self._desk, [operation])
        if not isinstance(result, Done):
            raise result
        return str(result.output["id"])
