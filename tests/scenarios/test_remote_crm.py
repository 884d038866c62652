"""T2, W1: an organization whose CRM is elsewhere. Its steps go there, once, whatever happens."""

from collections.abc import Iterator

import pytest

from relay.pipeline import arrange
from relay.storage import connections
from tests.scenarios.elsewhere import NAME, with_stand_in
from tests.scenarios.house import House
from tests.standin.crm import KEY, LEADS, Fault, StandIn

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
    with house.runtime.db.write() as conn:
        row = connections.connection_named(conn, house.made.org, NAME)
        assert row.state == "needs_reconnect"
        fresh = {"key": KEY, "secret": "another"}
        connections.store_credentials(conn, house.runtime.vault, row.id, fresh)
    let_go(house, paused=False)
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
