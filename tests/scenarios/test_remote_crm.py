"""T2, W1: an organization whose CRM is elsewhere. Its steps go there, once, whatever happens."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import delete, update

from relay.core.errors import Conflict, InvalidInput
from relay.pipeline import arrange, connect, fitting
from relay.storage import connections, work
from relay.storage.tables.base import load
from relay.storage.tables.events import payloads
from relay.storage.tables.runs import runs, steps
from relay.storage.work import Kind
from tests.scenarios.elsewhere import NAME, connect_crm, with_stand_in
from tests.scenarios.house import House, open_house
from tests.standin.crm import DEALS, KEY, LEADS, Fault, StandIn
from tests.stores import SQLite

FORM = {"email": "Ann@Example.com", "name": "Ann Lee", "company": "Acme Ltd"}
RULE = "mapping-1"


@pytest.fixture
def crm(house: House) -> Iterator[StandIn]:
    with with_stand_in(house) as elsewhere:
        yield elsewhere


def test_a_form_becomes_contact_item_and_entry_elsewhere(house: House, crm: StandIn) -> None:
    """W1: in order, and nothing of it in Relay's own CRM."""
    house.post("website", data=FORM)
    house.post("website", data={**FORM, "company": "Acme Holding"})
    house.settle()
    run, second = house.runs(RULE)
    assert (run.state, second.state) == ("succeeded", "succeeded")
    (contact,) = crm.contacts
    (item,) = crm.items[LEADS]
    assert item["contactIds"] == [contact["id"]]
    assert item["fieldValues"] == {"0": [{"raw": "0"}], "4": [{"raw": "Acme Holding"}]}
    entry, _ = crm.events
    assert entry["participantIds"] == [{"type": "email", "value": "ann@example.com"}]
    assert [step.state for step in house.steps(run.id)] == ["succeeded"] * 3
    purposes = [one["purpose"] for row in house.attempts(run.id) for one in row.exchanges]
    assert "CRM: PUT /events" in purposes
    assert house.api("GET", "/contacts?properties.email=ann@example.com")["objects"] == []


# Where the first try meets it, how, and how many entries the stream has in the end. One that may
# have been posted is not posted again: entries cannot be read back.
LOST = [
    ("POST", "/contacts", 0, 1),
    ("POST", "/contacts", 500, 1),
    ("POST", "/listitems", 0, 1),
    ("POST", "/listitems", 504, 1),
    ("PUT", "/events", 0, 1),
    ("PUT", "/events", 502, 0),
]


def test_a_write_whose_answer_is_lost_is_never_doubled(house: House, crm: StandIn) -> None:
    """Status 0: carried out, and the connection cut."""
    for number, (method, path, status, entries) in enumerate(LOST):
        crm.faults.append(Fault(method, path, status=status, lost=status == 0))
        email, before = f"p{number}@example.com", len(crm.events)
        house.post("website", data={**FORM, "email": email})
        house.settle()
        assert house.runs(RULE)[-1].state == "waiting", path
        house.later()
        house.settle()
        run = house.runs(RULE)[-1]
        assert run.state == "succeeded", path
        assert "unknown" in [row.outcome for row in house.attempts(run.id)]
        assert len(crm.events) - before == entries
        if path == "/events":
            assert "not posted again" in house.steps(run.id)[-1].output["note"]
    assert len(crm.contacts) == len(crm.items[LEADS]) == len(LOST)
    # As a worker leaves the last run that dies with the entry on its way.
    run, before = house.runs(RULE)[-1], len(crm.events)
    with house.runtime.db.write() as conn:
        conn.execute(update(runs).where(runs.c.id == run.id).values(state="running"))
        conn.execute(delete(steps).where(steps.c.run_id == run.id, steps.c.n < 2))
        entry = update(steps).where(steps.c.run_id == run.id)
        conn.execute(entry.values(state="waiting", sent=True, output=None, ended_at=None))
        work.add(house.runtime.db, conn, Kind.RUN, [work.NewWork(id=run.id, org=run.org_id)])
    house.settle()
    assert house.runs(RULE)[-1].state == "succeeded"
    assert [step.state for step in house.steps(run.id)] == ["succeeded"] * 3
    assert "not posted again" in house.steps(run.id)[-1].output["note"]
    assert (len(crm.items[LEADS]), len(crm.events)) == (len(LOST), before)


def test_a_busy_crm_is_asked_again_when_it_said(house: House, crm: StandIn) -> None:
    """A used up quota costs no try, however often."""
    crm.faults.append(Fault("GET", "/contacts", status=503, headers={"Retry-After": "120"}))
    house.post("website", data=FORM)
    house.settle()
    (run,) = house.runs(RULE)
    assert run.state == "waiting"
    assert (run.next_at - house.runtime.clock.now()).total_seconds() > 110
    for _ in range(6):
        crm.faults.append(Fault("GET", "/contacts", status=429))
        house.later()
        house.settle()
        assert house.runs(RULE)[0].state == "waiting"
    house.later()
    house.settle()
    assert house.runs(RULE)[0].state == "succeeded"


def test_work_waits_while_the_crm_may_not_be_called(house: House, crm: StandIn) -> None:
    """Refused credentials hold it until a person mends them, and so does a pause."""
    crm.secret = "another"
    house.post("website", data=FORM)
    house.post("website", data={**FORM, "email": "ben@example.com"})
    house.settle()
    assert [run.state for run in house.runs(RULE)] == ["held", "held"]
    with house.runtime.db.read() as conn:
        row = connections.connection_named(conn, house.made.org, NAME)
    assert row.state == "needs_reconnect"
    fresh = {"key": KEY, "secret": "another"}
    connect.reconnect(house.runtime, house.made.org, NAME, fresh, by="test")
    house.settle()
    assert [run.state for run in house.runs(RULE)] == ["succeeded", "succeeded"]
    assert len(crm.items[LEADS]) == 2
    let_go(house, paused=True)
    house.post("website", data=FORM)
    asked = len(crm.requests)
    house.settle()
    assert (house.runs(RULE)[2].state, len(crm.requests)) == ("held", asked)
    let_go(house, paused=False)
    house.settle()
    assert house.runs(RULE)[2].state == "succeeded"


def let_go(house: House, *, paused: bool) -> None:
    arrange.pause_connection(house.runtime, house.made.org, NAME, paused=paused, by="test")


def transitions(house: House) -> list[tuple[object, ...]]:
    """What was told of the CRM: type, whose, and the change."""
    told = []
    for row in house.events(kind="transition"):
        (payload,) = house.rows(payloads, event_id=row.id)
        body = load(payload.body.decode())
        change = (body.get("field"), body.get("to"), body["author"]["kind"])
        told.append((body["type"], body["about"], *change))
    return told


def test_a_deal_won_elsewhere_is_booked_and_written_back_there(house: House, crm: StandIn) -> None:
    """T1, T2: what people and what Relay change is told once each."""
    contact = crm.contact("Ada Fisher", "ada@northwind.example")
    account = crm.account("Northwind Tea")
    deal = crm.item(DEALS, "Onboarding", contact=contact, account=account, f0="1", f3="1250",
                    f5="2026-12-01", f6="0")  # fmt: skip
    house.settle()
    assert transitions(house) == []
    crm.set(deal, "0", "2")
    house.later()
    house.settle()
    (document,) = house.books("quickbooks")
    assert deal["fieldValues"]["7"] == [{"raw": document.number}]
    (run,) = house.runs("deal-won-receipt")
    assert run.state == "succeeded"
    assert [one["subject"] for one in crm.events] == ["Booked Onboarding"]
    for _ in range(2):
        house.later()
        house.settle()
    won, *ours = transitions(house)
    assert won == ("list_item.updated", "Onboarding", "status", "Deal Won", "sync")
    assert sorted(str(one[2]) for one in ours) == ["booked_on", "receipt_no"]
    assert {one[4] for one in ours} == {"rule"}
    assert len(house.bookings()) == 1
    told = httpx.get(
        f"{house.base_url}/api/v1/connections/{NAME}",
        auth=(house.made.key, house.made.secret),
        trust_env=False,
    ).json()
    assert "secret" not in str(told)
    watch = told["watch"]
    assert [(one["title"], one["items"]) for one in watch["lists"]] == [("Deals", 1), ("Leads", 0)]
    assert watch["watch_requests_today"] < watch["requests_today"] == len(crm.requests)


def test_what_relay_makes_there_is_told_once_as_its_own(house: House, crm: StandIn) -> None:
    house.settle()
    house.post("website", data=FORM)
    house.settle()
    for _ in range(2):
        house.later()
        house.settle()
    assert transitions(house) == [
        ("contact.created", "Ann Lee", None, None, "rule"),
        ("list_item.created", "Ann Lee", None, None, "rule"),
    ]


def test_the_whole_story_with_a_second_relay_as_the_crm(
    house: House, sqlite: SQLite, tmp_path: Path
) -> None:
    """T1, T2, W1: a form, a won deal, and what is written back, all through the other's `/v2`."""
    with (
        sqlite.database(tmp_path, tables=True) as url,
        open_house(url, tmp_path / "other") as other,
    ):
        connect_crm(house, f"{other.base_url}/v2", other.made.key, other.made.secret)
        house.settle()
        house.post("website", data=FORM)
        house.settle()
        assert other.item("Leads", "Ann Lee")["shown"]["Account Name"] == "Acme Ltd"
        other.set("Deals", "Northwind onboarding", "Status", "Deal Won")
        house.later()
        house.settle()
        (document,) = house.books("quickbooks")
        assert other.books("quickbooks") == []
        deal = other.item("Deals", "Northwind onboarding")
        assert deal["shown"]["Receipt No"] == document.number
        for _ in range(2):
            house.later()
            house.settle()
        changed = sorted(str(one[2]) for one in transitions(house) if one[2])
        assert changed == ["booked_on", "receipt_no", "status"]


def test_a_mapping_is_made_and_tried_on_the_lists_elsewhere(house: House, crm: StandIn) -> None:
    house.settle()
    new = arrange.NewSource(type="webform", name="fair", list="Deals")
    arrange.create_source(house.runtime, house.made.org, new, by="test")
    house.post("fair", data={**FORM, "stage": "Won it", "seats": "many"})
    with house.runtime.db.read() as conn:
        found = fitting.fitting(house.runtime, conn, house.made.org, "fair")
    assert found.into is not None
    assert found.into.id == DEALS
    sent = {one.name: one.expression for one in found.senders}
    wanted = fitting.adjusted(found.source.mapping or {}, {},
                              {"status": sent["stage"], "close_date": "1780286400000"})  # fmt: skip
    told = fitting.previewed(house.runtime, house.made.org, "fair", mapping=wanted)
    cells = {one.slug: one for one in told.cells}
    assert cells["status"].refused == "Attempting to set List field value with String Won it"
    assert str(cells["close_date"].becomes) == "2026-06-01"
    assert told.note.startswith("the CRM is elsewhere")
    wanted = {**wanted, "values": {"status": {"Won it": "Deal Won"}}}
    told = fitting.previewed(house.runtime, house.made.org, "fair", mapping=wanted)
    assert told.is_saved
    assert {one.slug: one for one in told.cells}["status"].becomes == "Deal Won"
    assert crm.items[DEALS] == crm.contacts == []


def test_a_test_organization_has_one_crm_at_an_allowed_address(house: House, crm: StandIn) -> None:
    with pytest.raises(Conflict, match="is their crm already"):
        connect_crm(house, "http://127.0.0.1:1/v2", "k", "s")
    connect.remove(house.runtime, house.made.org, NAME, by="test")
    for url in ("https://crm.example.com/v2", "http://169.254.169.254/v2", "ftp://127.0.0.1/v2"):
        with pytest.raises(InvalidInput):
            connect_crm(house, url, "k", "s")
    house.post("website", data=FORM)
    house.settle()
    assert house.item("Leads", "Ann Lee")["shown"]["Status"] == "New"
