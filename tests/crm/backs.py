"""What stands behind an adapter in the port's suite: Relay's own CRM, or the stand-in; each told
and asked in its own way."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from relay.crm.embedded import admin, stream
from tests.crm.office import Office
from tests.standin import crm as their
from tests.standin.crm import StandIn, column


class Back(Protocol):
    """`value` and `person` are as rules read them."""

    def item(self, list_title: str, name: str) -> str: ...

    def value(self, item: str, slug: str) -> Any: ...

    def person(self, item: str) -> tuple[object, object, object]:
        """Name, phone and title of the item's first contact."""
        ...

    def emails(self, item: str) -> list[str]: ...

    def subjects(self, item: str) -> list[str]:
        """Of the entries in its stream, newest first."""
        ...

    def add_plan(self, display: str) -> None:
        """Another option of the field Plan of Deals."""
        ...

    def a_minute_later(self) -> None: ...


@dataclass(slots=True)
class Ours:
    """The embedded CRM."""

    office: Office

    def item(self, list_title: str, name: str) -> str:
        return self.office.item(list_title, name)

    def value(self, item: str, slug: str) -> Any:
        found = self.office.record(item)["item"]
        assert isinstance(found, dict)
        return found[slug]

    def person(self, item: str) -> tuple[object, object, object]:
        found = self.office.record(item)["contact"]
        assert isinstance(found, dict)
        return found["name"], found["phone"], found["title"]

    def emails(self, item: str) -> list[str]:
        return list(self.value(item, "emails"))

    def subjects(self, item: str) -> list[str]:
        org = self.office.org
        found = self.office.read(lambda conn: stream.of_item(conn, org, item))
        return [entry.subject for entry in found]

    def a_minute_later(self) -> None:
        self.office.clock.move(minutes=1)

    def add_plan(self, display: str) -> None:
        deals = self.office.schema.called("Deals")
        plan = next(one for one in deals.fields.all if one.slug == "plan")
        with self.office.db.write() as conn:
            admin.create_option(
                conn, self.office.org, list_id=deals.id, field_id=plan.id, display=display
            )


@dataclass(slots=True)
class Theirs:
    """The stand-in, with what the suite needs in it."""

    crm: StandIn

    def __post_init__(self) -> None:
        crm = self.crm
        crm.lists[0]["fields"] = [
            column("0", "Status", "List", "Lead", "Proposal", "Negotiation", "Deal Won", "Paid"),
            column("1", "Owner", "User"),
            column("2", "Amount", "Numeric"),
            column("3", "Seats", "Numeric"),
            column("4", "Paid Amount", "Numeric"),
            column("5", "Paid Date", "Date"),
            column("6", "Plan", "List", "one-off", "annual"),
            column("7", "Receipt No", "Text"),
        ]
        crm.lists[1]["fields"][0] = column("0", "Status", "List", "New", "Contacted", "Qualified")
        crm.account_fields.append(column("2", "Zuora Number", "Text"))
        for firm, name, email in (
            ("Northwind onboarding", "Ada Fisher", "ada@northwind.example"),
            ("Larkspur annual plan", "Ben Larsen", "ben@larkspur.example"),
        ):
            person = crm.contact(name, email)
            crm.item(their.DEALS, firm, contact=person, f0="2", f2="1250.00")

    def item(self, list_title: str, name: str) -> str:
        (id,) = [one["id"] for one in self.crm.lists if one["title"] == list_title]
        return next(str(one["id"]) for one in self.crm.items[id] if one["name"] == name)

    def value(self, item: str, slug: str) -> Any:
        list_id, row = self._row(item)
        if slug == "modified":
            return row["modifiedDate"]
        (its,) = [one for one in self.crm.lists if one["id"] == list_id]
        of = next(one for one in its["fields"] if one["name"].lower().replace(" ", "_") == slug)
        entries = row["fieldValues"].get(of["id"])
        return self._read(of, entries[0]["raw"]) if entries else None

    def _read(self, of: their.Json, raw: str) -> Any:
        match of["dataType"]:
            case "List":
                return next(o["display"] for o in of["listOptions"] if o["id"] == raw)
            case "Numeric":
                return Decimal(raw)
            case "Date":
                return date.fromisoformat(raw)
            case "User":
                return self.crm.users[raw]
            case _:
                return raw

    def person(self, item: str) -> tuple[object, object, object]:
        found = self._people(item)[0]["properties"]
        return tuple(found[key][0]["value"] for key in ("name", "phone", "title"))  # type: ignore[return-value]

    def emails(self, item: str) -> list[str]:
        return [one["properties"]["email"][0]["value"] for one in self._people(item)]

    def subjects(self, item: str) -> list[str]:
        mine = {one["value"] for person in self._people(item)
                for one in person["properties"]["email"]}  # fmt: skip
        return [
            one["subject"]
            for one in reversed(self.crm.events)
            if mine & {each["value"] for each in one["participantIds"]}
        ]

    def a_minute_later(self) -> None:
        self.crm.tick(60_000)

    def add_plan(self, display: str) -> None:
        plan = next(one for one in self.crm.lists[0]["fields"] if one["name"] == "Plan")
        plan["listOptions"].append({"id": "9", "display": display})

    def _row(self, item: str) -> tuple[str, their.Json]:
        rows = ((id, row) for id, rows in self.crm.items.items() for row in rows)
        return next((id, row) for id, row in rows if row["id"] == item)

    def _people(self, item: str) -> list[their.Json]:
        _, row = self._row(item)
        by_id = {one["id"]: one for one in self.crm.contacts}
        return [by_id[id] for id in row["contactIds"]]
