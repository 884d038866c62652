"""The story: what is sent in, what people change, what is paid, and what must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from relay.core.clock import Clock
from relay.demo.home import Home
from relay.demo.site import Site, until
from relay.integration import SourceConfig
from relay.integrations import INTEGRATIONS

WON = "Deal Won"
BOUNDARY = "relay-demo"
ENDED = {"succeeded", "failed", "filtered", "skipped", "cancelled", "held"}
DEALS = (
    ("quickbooks", "Deals", "Northwind onboarding"),
    ("recurly", "Deals", "Larkspur annual plan"),
    ("zuora", "Enterprise Deals", "Granite rollout"),
)
INVOICED = "Granite workshop"
QUIET_LOOKS = 2
LONGEST_LEASE = 300.0  # seconds, and the sweep that finds it
FORM = {
    "email": "kim@acme.example",
    "name": "Kim Lee",
    "company": "Acme Ltd",
    "submission_id": "demo-1",
}


@dataclass(slots=True, kw_only=True)
class Line:
    """One thing that had to happen. `found` is read from `/api/v1`, never from what was sent."""

    part: str
    what: str
    expected: str
    found: str
    why: str = ""

    @property
    def ok(self) -> bool:
        return self.expected == self.found


@dataclass(slots=True, kw_only=True)
class Told:
    """The whole outcome, line by line, and what stands in the sandboxes' books."""

    lines: list[Line] = field(default_factory=list)
    books: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(line.ok for line in self.lines)

    def document(self) -> dict[str, Any]:
        """As `demo.json` keeps it."""
        names = ("part", "what", "expected", "found", "why", "ok")
        lines = [{name: getattr(line, name) for name in names} for line in self.lines]
        return {"ok": self.ok, "lines": lines, "books": self.books}


def tell(home: Home, clock: Clock, *, kill: str | None = None) -> Told:
    """Plays the story and reads what came of it. `kill` names a process that dies in the midst of
    it. Raises DemoFailed when it could not be told to its end."""
    site, told = home.site, Told()
    forms = _forms(site)
    _send_in(site, forms, clock, told)
    for _, in_list, name in DEALS:
        _set(site, in_list, name, {"status": WON})
    if kill is not None:
        # What a dead worker had in its hands is another's when its lease ends, where nobody can say
        # sooner that it is dead.
        site.patience = LONGEST_LEASE
        home.kill(kill)
    _quiet(site)
    _lose_and_win_again(site)
    _invoice_and_pay(site)
    _quiet(site)
    _read_deals(site, told)
    _read_money(site, told)
    return told


# --- what comes in ---------------------------------------------------------------------------


def _forms(site: Site) -> dict[str, Any]:
    """The sources that the story needs beside those every first organization has."""
    orders = {
        "event": "form.submitted",
        "list": "Deals",
        "nobody": "report",
        "fields": {"amount": "${event.data.fields.amount}"},
    }
    return {
        "website": {"url": site.welcome["inbound"]["url"]},
        "cards": site.get("/sources/cards"),
        "typeform": site.post("/sources", {"type": "typeform", "name": "demo requests"}),
        "orders": site.post("/sources", {"type": "webform", "name": "orders", "mapping": orders}),
    }


def _send_in(site: Site, forms: Mapping[str, Any], clock: Clock, told: Told) -> None:
    form = site.send(forms["website"]["url"], _multipart(FORM), _MULTIPART)
    sample = _sample("typeform", "demo.request.json")
    secret = str(forms["typeform"].get("secret", ""))
    config = SourceConfig(name="typeform", secrets=[secret])
    source = INTEGRATIONS["typeform"].source
    if source is None or source.sign is None:
        raise AssertionError("Typeform signs its requests")
    signed = {**_JSON, **source.sign(sample, config, clock.now())}
    typeform = site.send(forms["typeform"]["url"], sample, signed)
    again = site.send(forms["typeform"]["url"], sample, signed)
    forged = site.send(forms["typeform"]["url"], sample + b" ", signed)
    card = site.send(forms["cards"]["url"], _sample("fullcontact", "card.request.json"), _JSON)
    wrong = {"email": "ada@northwind.example", "amount": "plenty", "submission_id": "demo-2"}
    order = site.send(forms["orders"]["url"], _multipart(wrong), _MULTIPART)
    _quiet(site)
    for what, answer, source_name, number, expected in (
        ("web form (multipart)", form, "website", 0, "202 routed, succeeded"),
        ("Typeform, signed", typeform, "demo requests", 0, "200 routed, succeeded"),
        ("the same again", again, "demo requests", 1, "200 duplicate"),
        ("forged signature", forged, "demo requests", 2, "401 rejected"),
        ("FullContact business card", card, "cards", 0, "200 routed, succeeded"),
        ("a text for a number", order, "orders", 0, "202 routed, failed"),
    ):
        found, why = _became(site, source_name, number)
        told.lines.append(
            Line(part="in", what=what, expected=expected, found=f"{answer.status} {found}", why=why)
        )
    _read_people(site, told)


def _became(site: Site, source: str, number: int) -> tuple[str, str]:
    """State and outcome of a source's n-th delivery, and the reason where there is one."""
    rows = site.get("/events", source=source, kind="delivery", limit="50")["data"]
    if number >= len(rows):
        return "missing", ""
    event = list(reversed(rows))[number]
    states = sorted(event["outcomes"])
    why = event["reason"] or ""
    for run in site.get("/runs", event=event["id"])["data"]:
        why = run["reason"] or why
    return ", ".join([event["state"], *states]), why


def _read_people(site: Site, told: Told) -> None:
    leads = _list(site, "Leads")
    items = site.get(f"/lists/{leads['id']}/items", limit="200")["data"]
    for email, whose, entries in (
        (FORM["email"], "the form's", 1),
        (_typeform_email(), "Typeform's", 1),
        ("matt@fullcontact.com", "the card's", 0),
    ):
        found = [one for one in items if any(email in p["emails"] for p in one["contacts"])]
        posted = sum(_entries(site, one) for one in found)
        told.lines.append(
            Line(
                part="CRM",
                what=f"{whose} contact {email}",
                expected=f"1 item, {entries} in the stream",
                found=f"{len(found)} item, {posted} in the stream",
            )
        )


def _entries(site: Site, item: Mapping[str, Any]) -> int:
    """Entries that the runs of this item's person posted."""
    runs = site.get("/runs", limit="200")["data"]
    emails = {email for person in item["contacts"] for email in person["emails"]}
    mine = [one for one in runs if one["about"] in emails and one["state"] == "succeeded"]
    stories = [site.get(f"/runs/{one['id']}") for one in mine]
    return sum(step["use"] == "crm.post_stream" for story in stories for step in story["steps"])


# --- what people do --------------------------------------------------------------------------


def _lose_and_win_again(site: Site) -> None:
    _, in_list, name = DEALS[0]
    for status in ("Deal Lost", WON):
        _set(site, in_list, name, {"status": status})
        _quiet(site)


def _invoice_and_pay(site: Site) -> None:
    """An invoice is booked and paid; QuickBooks tells of it in both of its formats."""
    _set(site, "Deals", INVOICED, {"amount": "900.00"})
    _set(site, "Deals", INVOICED, {"status": "Proposal"})
    _quiet(site)
    open_ = [one for one in _documents(site, "quickbooks") if one["payable"]]
    for document in open_:
        site.post(f"/connections/quickbooks/documents/{document['id']}/pay")


def _set(site: Site, in_list: str, name: str, fields: Mapping[str, str]) -> None:
    found, item = _item(site, in_list, name)
    site.patch(f"/lists/{found['id']}/items/{item['id']}", {"fields": fields})


# --- what must have come of it ---------------------------------------------------------------


def _read_deals(site: Site, told: Told) -> None:
    for provider, in_list, name in DEALS:
        _, item = _item(site, in_list, name)
        bookings = [b for b in site.get("/bookings")["data"] if b["item_id"] == item["id"]]
        booked = [b for b in bookings if b["state"] == "booked"]
        numbers = ", ".join(str(b["external_number"] or b["number"]) for b in booked)
        told.lines.append(
            Line(
                part="Deal Won",
                what=f"{name} → {provider}",
                expected="booked once",
                found=_times(len(booked), "booked"),
                why=numbers,
            )
        )
    _, item = _item(site, "Deals", DEALS[0][2])
    runs = [
        run
        for run in site.get("/runs", rule="deal-won-receipt", limit="50")["data"]
        if run["item_id"] == item["id"]
    ]
    states = sorted(run["state"] for run in runs)
    why = next((run["reason"] or "" for run in runs if run["state"] == "skipped"), "")
    told.lines.append(
        Line(
            part="Deal Won",
            what="won, lost, won again",
            expected="skipped, succeeded",
            found=", ".join(states),
            why=why,
        )
    )


def _read_money(site: Site, told: Told) -> None:
    _, item = _item(site, "Deals", INVOICED)
    found = f"{item['fields']['status']}, {item['fields']['paid_amount']}"
    told.lines.append(
        Line(
            part="Paid",
            what=f"{INVOICED}: the invoice is paid in QuickBooks",
            expected="Paid, 900.00",
            found=found.replace("900,", "900.00,"),
        )
    )
    rows = site.get("/events", source="quickbooks", kind="delivery", limit="50")["data"]
    told.lines.append(
        Line(
            part="Paid",
            what="its notification, in both formats",
            expected="duplicate, routed",
            found=", ".join(sorted(row["state"] for row in rows)),
        )
    )
    paid = site.get("/events", source="quickbooks", type="invoice.paid")["data"]
    told.lines.append(
        Line(
            part="Paid",
            what="taken as one payment",
            expected="1 invoice.paid",
            found=f"{len(paid)} invoice.paid",
        )
    )
    wanted = {"quickbooks": 2, "recurly": 1, "zuora": 1}
    for provider, number in wanted.items():
        documents = _documents(site, provider)
        told.books += [{"provider": provider, **one} for one in documents]
        told.lines.append(
            Line(
                part="Books",
                what=f"{provider} sandbox",
                expected=_count(number),
                found=_count(len(documents)),
            )
        )


def _times(number: int, what: str) -> str:
    return f"{what} once" if number == 1 else f"{what} {number} times"


def _count(number: int) -> str:
    return f"{number} document{'s' * (number != 1)}"


# --- looking things up -----------------------------------------------------------------------


def _quiet(site: Site) -> None:
    """Waits until everything that arrived was decided and every run has ended."""
    open_: list[Any] = []

    quiet = 0

    def look() -> bool | None:
        # In the order of the way: what moves on meanwhile is seen further along. Twice, for what
        # an ending run has just led to.
        nonlocal quiet
        deliveries = site.get("/deliveries", state="pending", limit="200")["data"]
        events = site.get("/events", limit="200")["data"]
        runs = site.get("/runs", limit="200")["data"]
        open_[:] = [
            *(f"{d['id']} {d['reason']}" for d in deliveries),
            *(f"{e['id']} {e['state']}" for e in events if e["state"] == "accepted"),
            *(f"{r['id']} {r['state']} {r['reason']}" for r in runs if r["state"] not in ENDED),
        ]
        quiet = 0 if open_ else quiet + 1
        return True if quiet == QUIET_LOOKS else None

    until(look, "everything to come to an end", lambda: open_[:5], seconds=site.patience)


def _documents(site: Site, provider: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = site.get(f"/connections/{provider}/documents")["data"]
    return found


def _list(site: Site, title: str) -> dict[str, Any]:
    return next(one for one in site.get("/lists")["data"] if one["title"] == title)


def _item(site: Site, in_list: str, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    found = _list(site, in_list)
    rows = site.get(f"/lists/{found['id']}/items", name=name)["data"]
    return found, next(one for one in rows if one["name"] == name)


def _sample(provider: str, name: str) -> bytes:
    folder: Path = INTEGRATIONS[provider].folder
    return (folder / "samples" / name).read_bytes()


def _typeform_email() -> str:
    answers = orjson.loads(_sample("typeform", "demo.request.json"))["form_response"]["answers"]
    return str(next(one["email"] for one in answers if one["type"] == "email")).lower()


_JSON = {"content-type": "application/json"}
_MULTIPART = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def _multipart(fields: Mapping[str, str]) -> bytes:
    parts = (
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()
