"""A small CRM that speaks SalesforceIQ v2, and does what it is told to do wrong.

Independent of Relay: it is written from the API's description (https://api.salesforceiq.com/), with
a clock of its own, so that a fault shared by our client and our server shows.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
KEY, SECRET = "5f00aa55e4b0c0ffee000009", "stand-in"
EPOCH_MS = 1_780_000_000_000

DEALS, LEADS = "5f00aa33e4b0c0ffee000001", "5f00aa33e4b0c0ffee000002"
BEA = "5f00aa44e4b0c0ffee000001"


@dataclass(slots=True)
class Fault:
    """What the next request that fits meets: an answer in place of the work, or (`lost`) the work
    done and the connection cut."""

    method: str
    path: str
    status: int = 0
    headers: Json = field(default_factory=dict)
    lost: bool = False


class StandIn:
    """`now_ms` is its clock; every write moves it on by a millisecond. `on_page` is called before
    a page of items is answered: what happens there happens while somebody reads."""

    def __init__(self) -> None:
        self.now_ms = EPOCH_MS
        self.skew_ms = 0
        self.secret = SECRET
        self.longest_url = 8192
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, Json]] = []
        self.events: list[Json] = []
        self.contacts: list[Json] = []
        self.accounts: list[Json] = []
        self.items: dict[str, list[Json]] = {DEALS: [], LEADS: []}
        self.users = {BEA: {"id": BEA, "name": "Bea Ortiz", "email": "bea@example.com"}}
        self.lists = [
            _list(DEALS, "Deals", "account", "Lead", "Negotiation", "Deal Won", "Deal Lost"),
            _list(LEADS, "Leads", "contact", "New", "Contacted"),
        ]
        self.account_fields = [column("address", "Address", "Location")]
        self.on_page: Callable[[Json], None] = lambda query: None
        self.lock = threading.RLock()
        self._made = 0

    # --- what people do there --------------------------------------------------------------------

    def tick(self, milliseconds: int = 1) -> int:
        self.now_ms += milliseconds
        return self.now_ms

    def contact(self, name: str, *emails: str) -> Json:
        properties = {"name": [_entry(name)], "email": [_entry(email) for email in emails]}
        made = {"id": self._id(), "modifiedDate": self.tick(), "properties": properties}
        self.contacts.append(made)
        return made

    def account(self, name: str) -> Json:
        made = {"id": self._id(), "modifiedDate": self.tick(), "name": name, "fieldValues": {}}
        self.accounts.append(made)
        return made

    def item(self, list_id: str, name: str, **values: Any) -> Json:
        """A new row; `contact` and `account` are records, the rest values by field id (`f0`)."""
        contact, account = values.pop("contact", None), values.pop("account", None)
        body = {
            "name": name,
            "accountId": account["id"] if account else None,
            "contactIds": [contact["id"]] if contact else [],
            "fieldValues": {key[1:]: [{"raw": str(one)}] for key, one in values.items()},
        }
        return self._add(list_id, body)

    def set(self, item: Json, field_id: str, value: str, *, at: int | None = None) -> None:
        """Changes one value, as somebody does in the grid."""
        with self.lock:
            item["fieldValues"][field_id] = [{"raw": value}]
            item["modifiedDate"] = self.tick() if at is None else at

    def delete(self, item: Json) -> None:
        with self.lock:
            for rows in self.items.values():
                if item in rows:
                    rows.remove(item)

    def count(self, method: str, path: str) -> int:
        return sum(one[0] == method and path in one[1] for one in self.requests)

    # --- requests --------------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: Json, body: Json) -> tuple[int, Any]:
        for known, pattern, work in ROUTES:
            found = re.fullmatch(pattern, path.removeprefix("/v2").rstrip("/"))
            if known == method and found is not None:
                try:
                    with self.lock:
                        return 200, work(self, *found.groups(), query, body)
                except (KeyError, StopIteration):
                    break
        return 404, {"statusCode": 404, "errorMessage": "Object Not Found"}

    def event(self, query: Json, body: Json) -> None:
        self.events.append(body)

    def _page(self, rows: list[Json], query: Json) -> Json:
        if "_ids" in query:
            asked = query["_ids"].split(",")
            rows = [row for id in asked for row in rows if row["id"] == id.strip()]
        start, limit = int(query.get("_start", 0)), min(int(query.get("_limit", 50)), 200)
        chosen = rows[start : start + limit]
        return {"offset": start, "limit": limit, "objects": chosen, "size": len(chosen)}

    def find_contacts(self, query: Json, body: Json) -> Json:
        email = query.get("properties.email", "").strip('"').lower()
        found = [one for one in self.contacts if not email or email in _emails(one)]
        return self._page(found, query)

    def upsert_contact(self, query: Json, body: Json) -> Json:
        wanted = {one["value"].lower() for one in body["properties"].get("email", [])}
        known = [one for one in self.contacts if wanted & set(_emails(one))]
        if known and query.get("_upsert"):
            return self.put_contact(known[0]["id"], query, body)
        made = {"id": self._id(), "modifiedDate": self.tick(), **body}
        self.contacts.append(made)
        return made

    def put_contact(self, id: str, query: Json, body: Json) -> Json:
        found = next(one for one in self.contacts if one["id"] == id)
        found["properties"].update(body["properties"])
        found["modifiedDate"] = self.tick()
        return found

    def upsert_account(self, query: Json, body: Json) -> Json:
        name = body["name"].strip()
        known = [one for one in self.accounts if one["name"].lower() == name.lower()]
        found = known[0] if known else self.account(name)
        found["fieldValues"].update(body.get("fieldValues", {}))
        return found

    def find_items(self, list_id: str, query: Json, body: Json) -> Json:
        self.on_page(query)
        rows = list(self.items[list_id])
        for name, key in (("contactIds", "contactIds"), ("accountIds", "accountId")):
            if name in query:
                wanted = set(query[name].split(","))
                rows = [one for one in rows if wanted & _set(one[key])]
        if "modifiedDate" in query:
            since = int(query["modifiedDate"])
            rows = [one for one in rows if one["modifiedDate"] >= since]
            rows.sort(key=lambda one: (one["modifiedDate"], one["id"]))
        page = {**self._page(rows, query), "totalSize": len(rows)}
        return json.loads(json.dumps(page))  # as it is now, whatever happens before it is sent

    def upsert_item(self, list_id: str, query: Json, body: Json) -> Json:
        key = {"contactIds": "contactIds", "accountId": "accountId"}.get(query.get("_upsert", ""))
        same = [o for o in self.items[list_id] if key and _set(o[key]) & _set(body.get(key))]
        if not same:
            return self._add(list_id, body)
        return self.put_item(list_id, same[0]["id"], query, body)

    def _add(self, list_id: str, body: Json) -> Json:
        now, people = self.tick(), body.get("contactIds") or []
        made = {
            "id": self._id(), "listId": list_id, "version": 1,
            "createdDate": now, "modifiedDate": now,
            "name": body.get("name") or self._name_of(people), "contactIds": people,
            "accountId": body.get("accountId"), "linkedItemIds": {},
            "fieldValues": {
                id: self._known(entries)
                for id, entries in (body.get("fieldValues") or {}).items() if entries
            },
        }  # fmt: skip
        self.items[list_id].append(made)
        return made

    def put_item(self, list_id: str, id: str, query: Json, body: Json) -> Json:
        found = next(one for one in self.items[list_id] if one["id"] == id)
        for field_id, entries in (body.get("fieldValues") or {}).items():
            if entries:
                found["fieldValues"][field_id] = self._known(entries)
            else:
                found["fieldValues"].pop(field_id, None)
        found["name"] = body.get("name") or found["name"]
        found["contactIds"] = body.get("contactIds") or found["contactIds"]
        found["modifiedDate"] = self.tick()
        return {**found, "fieldValues": dict(found["fieldValues"])}

    def _known(self, entries: list[Json]) -> list[Json]:
        """A user may be sent by address, and is kept by id."""
        ids = {one["email"]: id for id, one in self.users.items()}
        return [{"raw": ids.get(one["raw"].lower(), one["raw"])} for one in entries]

    def _name_of(self, people: list[str]) -> str:
        found = next((one for one in self.contacts if one["id"] in people), None)
        return found["properties"]["name"][0]["value"] if found else "(No Name)"

    def _id(self) -> str:
        self._made += 1
        return f"{self.now_ms // 1000:08x}{self._made:016x}"

    def fault_for(self, method: str, path: str) -> Fault | None:
        for one in self.faults:
            if one.method == method and one.path in path:
                self.faults.remove(one)
                return one
        return None


def _list(id: str, title: str, kind: str, *options: str) -> Json:
    fields = [
        column("0", "Status", "List", *options),
        column("1", "Owner", "User"),
        column("3", "Amount", "Numeric"),
        column("4", "Account Name", "Text"),
        column("5", "Close Date", "Date"),
        column("6", "Plan", "List", "one-off", "annual"),
        column("7", "Receipt No", "Text"),
        column("8", "Booked On", "Date"),
    ]
    return {"id": id, "title": title, "listType": kind, "modifiedDate": 0, "fields": fields}


def column(id: str, name: str, kind: str, *options: str) -> Json:
    choices = [{"id": str(n), "display": text} for n, text in enumerate(options)]
    return {
        "id": id, "name": name, "dataType": kind, "listOptions": choices,
        "isMultiSelect": False, "isEditable": True, "isLinkedField": False,
    }  # fmt: skip


def _entry(value: str) -> Json:
    return {"value": value, "metadata": {}}


def _emails(contact: Json) -> list[str]:
    return [one["value"].lower() for one in contact["properties"].get("email", [])]


def _set(value: Any) -> set[str]:
    return set(value) if isinstance(value, list) else {value} - {None}


_LISTS = r"/lists/([0-9a-f]{24})/listitems"
ROUTES: list[tuple[str, str, Callable[..., Any]]] = [
    ("GET", "/lists", lambda crm, query, body: crm._page(crm.lists, query)),
    ("GET", "/accounts/fields", lambda crm, query, body: {"fields": crm.account_fields}),
    ("GET", "/accounts", lambda crm, query, body: crm._page(crm.accounts, query)),
    ("POST", "/accounts", StandIn.upsert_account),
    ("GET", "/users/([0-9a-f]{24})", lambda crm, id, query, body: crm.users[id]),
    ("GET", "/contacts", StandIn.find_contacts),
    ("POST", "/contacts", StandIn.upsert_contact),
    ("PUT", "/contacts/([0-9a-f]{24})", StandIn.put_contact),
    ("GET", _LISTS, StandIn.find_items),
    ("POST", _LISTS, StandIn.upsert_item),
    ("PUT", f"{_LISTS}/([0-9a-f]{{24}})", StandIn.put_item),
    ("PUT", "/events", StandIn.event),
]
