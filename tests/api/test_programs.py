"""What programs do at /api/v1, in the order in which somebody who integrates meets it."""

import json
from typing import Any

import pytest

from relay.storage.tables.identity import api_keys
from relay.storage.tables.work import work
from tests.api.desk import Desk

RULES = """
version: 1
rules:
  - id: thank-you
    name: Thank you
    when: { changed: status, list: Deals, to: Deal Won }
    do:
      - use: crm.post_stream
        with: { subject: "Won", body: "${item.name}" }
    tests:
      - name: says so
        given: { changed: status, list: Deals, to: Deal Won, item: { name: Acme } }
        expect: [{ use: crm.post_stream, with: { subject: Won, body: Acme } }]
"""


def its_list(desk: Desk, title: str) -> Any:
    return next(one for one in desk.get("/lists")["data"] if one["title"] == title)


def post(desk: Desk, path: str, **body: Any) -> Any:
    answer = desk.ask("POST", path, json=body)
    assert answer.status_code in (200, 201), answer.get_data(as_text=True)
    return answer.get_json()


def refused(desk: Desk, status: int, method: str, path: str, **request: Any) -> Any:
    answer = desk.ask(method, path, **request)
    assert answer.status_code == status, answer.get_data(as_text=True)
    told = answer.get_json()
    assert told["message"] == told["error"]["message"]
    return told["error"]


# --- keys ----------------------------------------------------------------------------------------


def test_a_sixth_key_is_refused_until_an_admin_raises_the_limit(desk: Desk) -> None:
    """K1."""
    made = [post(desk, "/keys", name=f"form {n}") for n in range(4)]
    error = refused(desk, 409, "POST", "/keys", json={"name": "one more"})
    assert "5 API keys" in error["message"]
    assert desk.ask("DELETE", f"/keys/{made[0]['key']}").status_code == 204
    post(desk, "/keys", name="in the freed slot")
    org = desk.get("/orgs")["data"][0]["id"]
    assert desk.ask("PATCH", f"/orgs/{org}", json={"key_limit": 6}).status_code == 200
    post(desk, "/keys", name="the sixth")


def test_a_reset_secret_ends_the_old_one_at_once(desk: Desk) -> None:
    """K3."""
    made = post(desk, "/keys", name="form", scopes=["crm:read"])
    fresh = post(desk, f"/keys/{made['key']}/reset-secret")
    assert desk.ask("GET", "/me", auth=(made["key"], made["secret"])).status_code == 401
    assert desk.ask("GET", "/me", auth=(made["key"], fresh["secret"])).status_code == 200
    assert fresh["secret"] not in json.dumps(desk.get("/keys"))


def test_a_list_that_a_key_may_not_see_is_not_there(desk: Desk) -> None:
    """K2."""
    leads, deals = its_list(desk, "Leads"), its_list(desk, "Deals")
    narrow = desk.new_key(lists=["Leads"])
    assert [one["title"] for one in desk.get("/lists", auth=narrow)["data"]] == ["Leads"]
    desk.get(f"/lists/{leads['id']}/items", auth=narrow)
    for path in ("", "/fields", "/items"):
        assert desk.ask("GET", f"/lists/{deals['id']}{path}", auth=narrow).status_code == 404


def test_a_key_of_some_lists_sees_what_happened_on_them_alone(desk: Desk) -> None:
    """K2."""
    desk.everything()
    narrow = desk.new_key(lists=["Leads"])
    for path in ("/events", "/runs", "/bookings"):
        shown = desk.get(path, auth=narrow)["data"]
        assert {row["about"] for row in shown if "about" in row} <= {"Ann"}
        hidden = [row for row in desk.get(path)["data"] if row not in shown]
        assert hidden
        for row in hidden if path != "/bookings" else ():
            assert desk.ask("GET", f"{path}/{row['id']}", auth=narrow).status_code == 404


def test_an_unknown_scope_or_list_is_refused_by_name(desk: Desk) -> None:
    error = refused(desk, 422, "POST", "/keys", json={"name": "x", "scopes": ["everything"]})
    assert "scopes.0" in error["fields"]
    error = refused(desk, 422, "POST", "/keys", json={"name": "x", "lists": ["Dealz"]})
    assert "did you mean 'Deals'" in error["message"]


# --- the CRM by name -----------------------------------------------------------------------------


def test_an_item_is_found_by_email_and_updated_or_made(desk: Desk) -> None:
    """W1 for programs."""
    path = f"/lists/{its_list(desk, 'Leads')['id']}/items/by-email"
    first = post(desk, path, email="Ann@Example.com", fields={"status": "New"})
    assert (first["created"], first["contact_created"]) == (True, True)
    again = post(desk, path, email="ann@example.com", fields={"status": "Qualified"})
    assert (again["id"], again["created"]) == (first["id"], False)
    assert again["fields"]["status"] == "Qualified"
    assert again["contacts"][0]["email"] == "ann@example.com"


def test_without_create_nobody_is_made(desk: Desk) -> None:
    path = f"/lists/{its_list(desk, 'Leads')['id']}/items/by-email"
    error = refused(desk, 404, "POST", path, json={"email": "no@body.example", "create": False})
    assert "nobody on Leads has the address no@body.example" in error["message"]
    assert desk.get("/contacts?email=no@body.example")["data"] == []


def test_items_are_found_and_sorted_by_what_stands_in_their_fields(desk: Desk) -> None:
    """A3: what /v2 cannot filter by."""
    path = f"/lists/{its_list(desk, 'Deals')['id']}/items"

    def names(query: str) -> list[str]:
        return [one["name"] for one in desk.get(f"{path}?{query}")["data"]]

    assert names("where=plan:annual") == ["Larkspur annual plan"]
    assert names("where=Plan:one-off&where=amount:1250") == ["Northwind onboarding"]
    assert names("where=amount:") == ["Granite workshop"]
    assert names("sort=-amount&where=status:Negotiation")[0] == "Larkspur annual plan"
    assert "amuont" in refused(desk, 422, "GET", f"{path}?where=amuont:1")["message"]
    assert refused(desk, 422, "GET", f"{path}?where=amount")["fields"] == {"where": [
        "is field:value"]}  # fmt: skip


def test_two_contacts_that_are_one_person_become_one(desk: Desk) -> None:
    ann = post(desk, "/contacts", email="ann@acme.test", name="Ann")
    other = post(desk, "/contacts", email="anne@home.test", phone="+14155550134")
    leads = its_list(desk, "Leads")
    item = post(desk, f"/lists/{leads['id']}/items", contact=other["id"])
    found = post(desk, f"/contacts/{ann['id']}/merge", contact=other["id"])
    assert found["id"] == ann["id"]
    assert sorted(found["emails"]) == ["ann@acme.test", "anne@home.test"]
    shown = desk.get(f"/lists/{leads['id']}/items/{item['id']}")
    assert [one["id"] for one in shown["contacts"]] == [ann["id"]]
    refused(desk, 404, "POST", f"/contacts/{ann['id']}/merge", json={"contact": other["id"]})


def test_what_cannot_be_set_leaves_nothing_behind(desk: Desk) -> None:
    """A6: the contact is made in the same transaction, and goes with it."""
    path = f"/lists/{its_list(desk, 'Deals')['id']}/items/by-email"
    wrong = {"email": "ann@example.com", "fields": {"amount": "a lot"}}
    error = refused(desk, 422, "POST", path, json=wrong)
    assert "Attempting to set Numeric field value with String a lot" in error["message"]
    assert desk.get("/contacts?email=ann@example.com")["data"] == []


def test_a_change_by_a_key_sets_the_rules_off(desk: Desk) -> None:
    """T2."""
    deals = its_list(desk, "Deals")["id"]
    rows = desk.get(f"/lists/{deals}/items")["data"]
    item = next(one["id"] for one in rows if one["name"] == "Northwind onboarding")
    path = f"/lists/{deals}/items/{item}"
    answer = desk.ask("PATCH", path, json={"fields": {"status": "Deal Won"}})
    assert answer.get_json()["fields"]["status"] == "Deal Won"
    desk.house.settle()
    (booking,) = desk.get("/bookings")["data"]
    assert (booking["provider"], booking["item_id"]) == ("quickbooks", item)
    shown = desk.get(path)
    assert shown["fields"]["receipt_no"] == booking["external_number"]
    stream = desk.get(f"/accounts/{shown['account']['id']}/stream")["data"]
    assert stream[0]["subject"] == "Booked Northwind onboarding"
    assert stream[0]["by"]["run_id"] == booking["run_id"]


@pytest.mark.parametrize("path", ["/contacts", "/accounts", "/events"])
def test_pages_follow_one_another_without_gaps(desk: Desk, path: str) -> None:
    for n in range(3):
        post(desk, "/contacts", email=f"p{n}@example.com", name=f"P {n}")
    desk.house.settle()
    every = [one["id"] for one in desk.get(f"{path}?limit=200")["data"]]
    seen: list[str] = []
    cursor = ""
    while len(seen) <= len(every):
        page = desk.get(f"{path}?limit=2{cursor}")
        seen += [one["id"] for one in page["data"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == every
    assert len(seen) >= 3


# --- once ----------------------------------------------------------------------------------------


def test_a_request_with_an_idempotency_key_is_carried_out_once(desk: Desk) -> None:
    headers = {"Idempotency-Key": "form-1"}
    first = desk.ask("POST", "/keys", json={"name": "form"}, headers=headers)
    again = desk.ask("POST", "/keys", json={"name": "form"}, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(desk.house.rows(api_keys, name="form")) == 1


def test_an_idempotency_key_holds_for_one_body_and_one_key(desk: Desk) -> None:
    headers = {"Idempotency-Key": "form-1"}
    desk.ask("POST", "/contacts", json={"email": "a@example.com"}, headers=headers)
    body = {"email": "b@example.com"}
    error = refused(desk, 422, "POST", "/contacts", json=body, headers=headers)
    assert "another body" in error["message"]
    other = desk.new_key()
    answer = desk.ask("POST", "/contacts", json=body, headers=headers, auth=other)
    assert answer.get_json()["email"] == "b@example.com"


def test_a_refused_request_may_be_sent_again_under_its_idempotency_key(desk: Desk) -> None:
    headers = {"Idempotency-Key": "site"}
    body = {"type": "webform", "name": "blog", "options": {"colour": "red"}}
    refused(desk, 422, "POST", "/sources", json=body, headers=headers)
    good = {"type": "webform", "name": "blog"}
    assert desk.ask("POST", "/sources", json=good, headers=headers).status_code == 201


# --- stories -------------------------------------------------------------------------------------


def test_an_event_says_which_rules_fired_and_why_the_others_did_not(desk: Desk) -> None:
    desk.house.set("Deals", "Northwind onboarding", "Status", "Proposal")
    desk.house.settle()
    event = next(e for e in desk.get("/events")["data"] if e["type"] == "list_item.updated")
    story = desk.get(f"/events/{event['id']}")
    assert story["change"]["from"], story["change"]["to"] == ("Negotiation", "Proposal")
    assert story["change"]["by"]["kind"] == "key"
    why = {one["rule"]: one["why"] for one in story["rules"]["not_fired"]}
    assert why["deal-won-receipt"] == ("watches Deals · status → Deal Won; this was → Proposal")
    assert why["stale-proposal"] == "waits until the value has stayed for 14d"
    fired = {run["rule"] for run in story["runs"]}
    assert not fired & set(why)
    assert story["rules"]["others"] == story["rules"]["live"] - len(fired) - len(why)


def test_a_run_shows_each_request_and_no_secret(desk: Desk) -> None:
    desk.house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    desk.house.settle()
    (run,) = desk.get("/runs?rule=deal-won-receipt")["data"]
    story = desk.get(f"/runs/{run['id']}")
    assert story["trigger"] == "Deals · status → Deal Won"
    assert all(clause["held"] for clause in story["clauses"])
    receipt = story["steps"][0]
    assert receipt["use"] == "quickbooks.sales_receipt"
    assert receipt["place"].startswith("rules/deal-won.yaml:")
    exchange = receipt["attempts"][0]["exchanges"][-1]
    assert (exchange["method"], exchange["status"]) == ("POST", 200)
    assert "1250.00" in exchange["request_body"]
    assert exchange["request_headers"]["authorization"] == "•••"
    text = json.dumps(story)
    for secret in secrets_of(desk):
        assert secret not in text


def secrets_of(desk: Desk) -> list[str]:
    """The credentials of the sandboxes, and what ends the inbound addresses."""
    runtime = desk.house.runtime
    with runtime.db.read() as conn:
        setup = runtime.setups.of(conn, desk.org)
    given = [
        value
        for one in runtime.integrations.values()
        if one.sandbox is not None
        for value in one.sandbox.credentials.values()
        if len(value) > 8
    ]
    return given + [one.token for one in setup.sources.values()]


def test_what_was_refused_is_told_with_its_reason(desk: Desk) -> None:
    desk.house.post("recurly", json={"a": 1}, headers={"recurly-signature": "1,abc"})
    (event,) = desk.get("/events?state=rejected")["data"]
    story = desk.get(f"/events/{event['id']}")
    assert story["checked"]["proof"].startswith("refused: ")
    assert story["rules"]["note"] == "what was refused starts nothing"
    assert story["runs"] == []


# --- set-up --------------------------------------------------------------------------------------


def test_a_source_is_made_its_secret_shown_once_and_its_deliveries_come_in(desk: Desk) -> None:
    made = post(desk, "/sources", type="typeform", name="survey")
    assert made["secret"]
    assert made["url"].startswith(f"{desk.house.base_url}/in/typeform/")
    shown = desk.get("/sources/survey")
    assert shown["url"] == made["url"]
    assert made["secret"] not in json.dumps(shown)
    rotated = post(desk, f"/sources/{made['id']}/rotate")
    assert rotated["secret"] not in (None, made["secret"])


def test_a_mapping_that_cannot_work_is_refused_when_it_is_set(desk: Desk) -> None:
    mapping = {"email": "${event.data.email", "list": "Leads"}
    refused(desk, 422, "PATCH", "/sources/website", json={"mapping": mapping})
    refused(desk, 422, "PATCH", "/sources/website", json={"mapping": {"lists": "Leads"}})


def test_runs_wait_for_a_paused_connection_and_go_on_with_it(desk: Desk) -> None:
    assert post(desk, "/connections/quickbooks/pause")["state"] == "paused"
    desk.house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    desk.house.settle()
    (run,) = desk.get("/runs?rule=deal-won-receipt")["data"]
    assert (run["state"], run["held_by"]) == ("held", "quickbooks")
    assert desk.house.books("quickbooks") == []
    assert post(desk, "/connections/quickbooks/resume") == {"released": 1}
    desk.house.settle()
    assert desk.get(f"/runs/{run['id']}")["state"] == "succeeded"
    assert len(desk.house.books("quickbooks")) == 1
    assert desk.house.rows(work) == []


def test_a_paused_rule_goes_on_with_what_still_holds(desk: Desk) -> None:
    post(desk, "/rules/deal-won-receipt/pause")
    for deal in ("Northwind onboarding", "Granite workshop"):
        desk.house.set("Deals", deal, "Status", "Deal Won")
    desk.house.settle()
    assert {run["state"] for run in desk.get("/runs?rule=deal-won-receipt")["data"]} == {"held"}
    assert post(desk, "/rules/deal-won-receipt/resume")["released"] == 1
    desk.house.settle()
    rows = desk.get("/runs?rule=deal-won-receipt")["data"]
    assert {row["about"]: row["state"] for row in rows} == {
        "Northwind onboarding": "succeeded",
        "Granite workshop": "filtered",
    }


def test_held_bookings_go_on_when_they_are_let_go(desk: Desk) -> None:
    org = desk.get("/orgs")["data"][0]["id"]
    desk.ask("PATCH", f"/orgs/{org}", json={"bookings_held": True})
    desk.house.set("Deals", "Northwind onboarding", "Status", "Deal Won")
    desk.house.settle()
    assert desk.get("/runs?rule=deal-won-receipt")["data"][0]["state"] == "held"
    desk.ask("PATCH", f"/orgs/{org}", json={"bookings_held": False})
    desk.house.settle()
    assert len(desk.house.books("quickbooks")) == 1


def test_rules_are_checked_and_applied_as_a_whole(desk: Desk) -> None:
    bad = RULES.replace("to: Deal Won }\n    do", "to: Deal Wonn }\n    do")
    told = post(desk, "/rules/lint", texts={"rules/a.yaml": bad})
    assert not told["ok"]
    assert "R104" in {one["code"] for one in told["findings"]}
    error = refused(desk, 422, "POST", "/rules", json={"texts": {"rules/a.yaml": bad}})
    assert next(iter(error["fields"])).startswith("rules/a.yaml:6:")
    assert desk.get("/rules")["findings"]
    applied = post(desk, "/rules", texts={"rules/a.yaml": RULES})
    live = desk.get("/rules")
    assert live["set_hash"] == applied["set_hash"]
    assert live["findings"] == []
    assert "thank-you" in {one["id"] for one in live["data"]}


def test_a_target_on_our_own_network_is_refused(desk: Desk) -> None:
    made = post(desk, "/targets", name="chat", url="https://chat.example.com/hook")
    assert made["secret"].startswith("whsec_")
    assert made["secret"] not in json.dumps(desk.get("/targets"))
    body = {"name": "inside", "url": "http://169.254.169.254/latest"}
    refused(desk, 422, "POST", "/targets", json=body)
    assert desk.ask("DELETE", f"/targets/{made['id']}").status_code == 204
    assert desk.ask("DELETE", f"/targets/{made['id']}").status_code == 404


def test_the_last_owner_stays_owner(desk: Desk) -> None:
    made = post(desk, "/users", email="Bo@example.com", name="Bo", role="operator")
    assert len(made["password"]) >= 12
    owner = next(one for one in desk.get("/users")["data"] if one["role"] == "owner")
    refused(desk, 409, "PATCH", f"/users/{owner['id']}", json={"role": "viewer"})
    assert desk.ask("PATCH", "/users/bo@example.com", json={"role": "owner"}).status_code == 200
    assert desk.ask("PATCH", f"/users/{owner['id']}", json={"role": "viewer"}).status_code == 200
    assert desk.get("/audit")["data"][0]["action"] == "role changed"


def test_a_document_is_paid_in_a_sandbox_and_its_books_say_so(desk: Desk) -> None:
    desk.house.set("Deals", "Larkspur annual plan", "Status", "Deal Won")
    desk.house.settle()
    (booked,) = desk.get("/connections/recurly/documents")["data"]
    assert booked["payable"]
    told = desk.ask("POST", f"/connections/recurly/documents/{booked['id']}/pay").get_json()
    assert told["deliveries"]
    (paid,) = desk.get("/connections/recurly/documents")["data"]
    assert not paid["payable"]
