"""W1, W2: a form finds or makes the contact by its email, sets its item, tells the stream."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from relay.core.event import ParsedEvent
from relay.core.ids import number
from relay.pipeline import reading
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import sources
from relay.storage.events import EventRow
from relay.storage.tables.work import dead
from relay.storage.tables.work import work as waiting
from tests.scenarios.house import House

FORM = {"email": "Ann@Example.com", "name": "Ann Lee", "company": "Acme Ltd"}


def test_a_form_becomes_contact_item_and_stream_entry(house: House) -> None:
    """W1."""
    answer = house.post("website", data=FORM)
    assert answer.status_code == 202
    house.settle()
    (run,) = house.runs("mapping-1")
    assert run.state == "succeeded"
    item = house.item("Leads", "Ann Lee")
    assert item["shown"]["Status"] == "New"
    assert item["shown"]["Account Name"] == "Acme Ltd"
    (contact,) = house.api("GET", "/contacts", params={"properties.email": "ann@example.com"})[
        "objects"
    ]
    assert item["contactIds"] == [contact["id"]]
    assert [step.use for step in house.steps(run.id)] == [
        "crm.upsert_contact",
        "crm.create_item",
        "crm.post_stream",
    ]


def test_the_same_person_again_updates_the_one_item(house: House) -> None:
    """W1: the matching item is updated, and no second one made."""
    house.post("website", data=FORM)
    house.settle()
    house.set("Leads", "Ann Lee", "Status", "Qualified")
    house.post("website", data={**FORM, "company": "Acme Holding"})
    house.settle()
    rows = house.api("GET", f"/lists/{house.its_list('Leads')['id']}/listitems")["objects"]
    assert len(rows) == 1
    shown = house.item("Leads", "Ann Lee")["shown"]
    assert (shown["Account Name"], shown["Status"]) == ("Acme Holding", "Qualified")


def test_posting_a_form_twice_is_two_events_unless_it_names_its_submission(house: House) -> None:
    """W1."""
    house.post("website", data=FORM)
    house.post("website", data=FORM)
    first = house.post("website", data={**FORM, "submission_id": "s-1"}).json()
    again = house.post("website", data={**FORM, "submission_id": "s-1"}).json()
    assert again["duplicate"]
    assert again["id"] == first["id"]
    house.settle()
    assert len(house.runs("mapping-1")) == 3
    (duplicate,) = house.events(state="duplicate")
    assert duplicate.parent_id == number("evt", first["id"])


def test_a_form_without_an_email_says_why_nothing_was_done(house: House) -> None:
    house.post("website", data={"name": "Nobody"})
    house.settle()
    (run,) = house.runs("mapping-1")
    assert (run.state, run.reason) == ("filtered", "its condition was false")
    assert run.clauses[0]["values"] == {"event.data.email": None}


def test_nobody_found_is_reported_where_the_source_says_so(house: House) -> None:
    """W1: what happens when nobody is found is a setting of the source."""
    with house.runtime.db.write() as conn:
        row = sources.source_named(conn, house.runtime.vault, house.made.org, "website")
        mapping = {**(row.mapping or {}), "nobody": "report"}
        sources.set_mapping(conn, house.made.org, row.id, mapping)
    house.post("website", data=FORM)
    house.settle()
    (run,) = house.runs("mapping-1")
    assert (run.state, run.reason) == ("filtered", "nobody found")


@pytest.mark.parametrize("path", ["/in/webform/no-such-token", "/in/typeform/{token}"])
def test_an_address_that_is_no_source_gets_a_plain_404(house: House, path: str) -> None:

    token = house.inbound("website").rsplit("/", 1)[1]
    answer = httpx.post(house.base_url + path.format(token=token), trust_env=False)
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_paused_source_asks_to_come_again(house: House) -> None:
    with house.runtime.db.write() as conn:
        row = sources.source_named(conn, house.runtime.vault, house.made.org, "website")
        sources.set_state(conn, house.made.org, row.id, "paused", "for the move")
    answer = house.post("website", data=FORM)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_a_body_that_is_too_large_is_refused(house: House) -> None:
    answer = house.post("website", content=b"a" * (1024 * 1024 + 1))
    assert answer.status_code == 413
    (event,) = house.events(kind="delivery")
    assert (event.state, event.reason) == ("rejected", "its body is larger than 1,048,576 bytes")


def test_fifty_identical_posts_at_once_are_one_event_and_fifty_accepted(house: House) -> None:
    """Proof 9 of docs/delivery.md."""
    url, form = house.inbound("website"), {**FORM, "submission_id": "once"}
    with httpx.Client(trust_env=False) as client, ThreadPoolExecutor(50) as crowd:
        answers = list(crowd.map(lambda _: client.post(url, data=form, timeout=30), range(50)))
    assert {one.status_code for one in answers} == {202}
    assert len({one.json()["id"] for one in answers}) == 1
    states = Counter(row.state for row in house.events(kind="delivery"))
    assert states == {"accepted": 1, "duplicate": 49}


def test_an_inbound_answer_sets_no_cookie(house: House) -> None:
    assert "set-cookie" not in house.post("website", data=FORM).headers


def test_an_event_that_cannot_be_read_is_set_apart_and_holds_up_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours in one event: the others are done, and it is a dead letter in the end."""
    parse = reading.parse

    def faulty(runtime: Runtime, setup: Setup, row: EventRow) -> Sequence[ParsedEvent]:
        if b"broken" in row.body:
            raise ZeroDivisionError("a fault of ours")
        return parse(runtime, setup, row)

    monkeypatch.setattr(reading, "parse", faulty)
    house.post("website", data={**FORM, "email": "broken@example.com"})
    house.post("website", data=FORM)
    for _ in range(6):
        house.settle()
        house.later()
    assert [run.about for run in house.runs("mapping-1")] == ["ann@example.com"]
    (letter,) = house.rows(dead)
    assert "a fault of ours" in letter.reason
    assert house.rows(waiting) == []
