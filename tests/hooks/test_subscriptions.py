"""T4: anyone can subscribe a URL to triggers, and unsubscribe."""

from concurrent.futures import ThreadPoolExecutor

import jsonschema_rs

from relay.core.catalogue import CATALOGUE
from tests.hooks.hooked import DEAL, Hooked


def test_a_changed_item_is_told_to_who_subscribed(both: Hooked) -> None:
    made = both.subscribe()
    both.win()
    told = both.receiver.to("/in")
    # The rule writes a receipt number and a date back: a second change of the item.
    (first, *rest) = told
    assert first.json["changed"]["status"] == {"from": "Negotiation", "to": "Deal Won"}
    first.verify(made["secret"])
    assert first.json["name"] == DEAL
    assert first.json["fields"]["status"] == "Deal Won"
    assert first.headers["webhook-event-type"] == "list_item.updated"
    assert [one.headers["webhook-sequence"] for one in told] == [
        str(n + 1) for n in range(len(told))
    ]
    assert len({one.json["id"] for one in told}) == len(told)
    schema = CATALOGUE["list_item.updated"].schema
    assert not [e for one in told for e in jsonschema_rs.iter_errors(schema, one.json)]
    assert {row.state for row in both.deliveries(made["id"])} == {"delivered"}
    assert rest


def test_nothing_is_sent_after_unsubscribing(hooked: Hooked) -> None:
    made = hooked.subscribe()
    for _ in range(2):
        assert hooked.do("DELETE", f"/hooks/{made['id']}") == {"id": made["id"], "deleted": True}
    hooked.win()
    assert hooked.receiver.requests == []


def test_what_waits_is_cancelled_when_its_hook_is_deleted(both: Hooked) -> None:
    both.receiver.always(500)
    made = both.subscribe()
    both.win()
    both.do("DELETE", f"/hooks/{made['id']}")
    both.later()
    rows = both.deliveries(made["id"])
    assert {row.state for row in rows} == {"cancelled"}
    assert len(both.receiver.requests) == len(rows)


def test_subscribing_twice_is_one_hook(hooked: Hooked) -> None:
    made = hooked.subscribe()
    body = {"url": hooked.receiver.url + "/in", "event": "list_item.updated"}
    again = hooked.ask("POST", "/hooks", json=body)
    assert (again.status_code, again.json()["id"]) == (200, made["id"])
    assert "secret" not in again.json()
    other = hooked.subscribe(filter={"list_id": "Deals"})
    assert other["id"] != made["id"]


def test_subscribing_ten_times_at_once_is_one_hook(both: Hooked) -> None:
    body = {"target_url": both.receiver.url + "/in", "event": "list_item.updated"}
    with ThreadPoolExecutor(10) as crowd:
        answers = list(crowd.map(lambda _: both.ask("POST", "/hooks", json=body), range(10)))
    assert sorted(one.status_code for one in answers) == [*[200] * 9, 201]
    assert len({one.json()["id"] for one in answers}) == 1


def test_an_emitted_event_is_told(hooked: Hooked) -> None:
    hooked.subscribe("deal.stage_changed", path="/stage")
    hooked.win("Proposal")
    (told,) = hooked.receiver.to("/stage")
    assert (told.json["from"], told.json["to"]) == ("Negotiation", "Proposal")


def test_a_filter_chooses_by_list_and_condition(hooked: Hooked) -> None:
    lists = {one["title"]: one["id"] for one in hooked.do("GET", "/lists")["data"]}
    hooked.subscribe(path="/won", filter={"condition": 'event.to == "Deal Won"'})
    hooked.subscribe(path="/leads", filter={"list_id": lists["Leads"]})
    hooked.win("Proposal")
    assert hooked.receiver.to("/won") == []
    hooked.win()
    assert len(hooked.receiver.to("/won")) == 1
    assert hooked.receiver.to("/leads") == []


def test_people_entries_and_payments_are_told(hooked: Hooked) -> None:
    for event in ("contact.*", "stream.posted", "form.submitted", "list_item.created"):
        hooked.subscribe(event, path=f"/{event}")
    hooked.house.post("website", data={"email": "new@example.com", "name": "New"})
    hooked.house.settle()
    hooked.house.post("website", data={"email": "new@example.com", "name": "Newer"})
    hooked.house.settle()
    types = [one.headers["webhook-event-type"] for one in hooked.receiver.to("/contact.*")]
    assert types == ["contact.created", "contact.updated"]
    assert [one.json["name"] for one in hooked.receiver.to("/contact.*")] == ["New", "Newer"]
    assert len(hooked.receiver.to("/form.submitted")) == 2
    assert len(hooked.receiver.to("/stream.posted")) == 2
    assert len(hooked.receiver.to("/list_item.created")) == 1
    for one in hooked.receiver.requests:
        schema = CATALOGUE[one.headers["webhook-event-type"]].schema
        assert not list(jsonschema_rs.iter_errors(schema, one.json)), one.json


def test_an_envelope_names_type_time_and_sequence(hooked: Hooked) -> None:
    hooked.subscribe(format="envelope")
    hooked.win("Proposal")
    (told,) = hooked.receiver.to("/in")
    assert set(told.json) == {"type", "timestamp", "data", "sequence"}
    assert told.json["data"]["fields"]["status"] == "Proposal"


def test_a_removed_item_is_told_and_a_list_can_be_asked_for_alone(both: Hooked) -> None:
    both.subscribe("list_item.removed", path="/gone", filter={"condition": "item.amount > 0"})
    both.subscribe("list_item.*", path="/leads", filter={"list_id": "Leads"})
    deals = both.house.its_list("Deals")
    item = both.house.item("Deals", DEAL)
    both.house.api("DELETE", f"/lists/{deals['id']}/listitems/{item['id']}")
    both.house.settle()
    (told,) = both.receiver.to("/gone")
    assert (told.json["item_id"], told.json["name"]) == (item["id"], DEAL)
    assert told.headers["webhook-event-type"] == "list_item.removed"
    schema = CATALOGUE["list_item.removed"].schema
    assert not list(jsonschema_rs.iter_errors(schema, told.json))
    assert both.receiver.to("/leads") == []
