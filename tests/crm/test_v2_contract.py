"""What clients of the CRM's API lean on beyond the acceptance vectors
(https://api.salesforceiq.com/)."""

import threading
from typing import Any

import pytest

from relay.crm.embedded import merge
from relay.crm.embedded.contacts import ARCHIVED
from relay.crm.model import ListType
from tests.crm.api import KEY, SECRET, Api, api_of, sales_list
from tests.crm.office import OWNER, RULE, Office

UNKNOWN = "0" * 24


@pytest.fixture
def api(office: Office) -> Api:
    return api_of(office)


def names(answer: Any) -> list[str]:
    return [one["name"] for one in answer["objects"]]


def test_no_path_is_ever_redirected_and_all_errors_are_the_error_object(api: Api) -> None:
    for method, path in (
        ("GET", "/accounts"), ("GET", "/accounts/"), ("GET", "/accounts/fields/"),
        ("GET", "/lists/"), ("GET", "/contacts/?_limit=1"), ("GET", "/organizations/"),
        ("GET", "//accounts"), ("GET", "//contacts//"),
    ):  # fmt: skip
        assert api.send(method, path).status_code == 200, path
    for method, path in (
        ("GET", ""), ("GET", "/"), ("GET", "/nothing/here"), ("GET", "/events"), ("GET", "/users"),
        ("POST", "/lists"), ("PATCH", "/accounts"), ("GET", "/contacts/%00"),
        ("GET", f"/lists/{UNKNOWN}"), ("GET", f"/users/{UNKNOWN}"), ("GET", f"/contacts/{UNKNOWN}"),
        ("GET", f"/lists/{UNKNOWN}/listitems"), ("GET", f"/lists/{UNKNOWN}/fields"),
    ):  # fmt: skip
        api.refused(404, method, path)


def test_every_answer_has_the_services_headers(api: Api) -> None:
    good, bad = api.send("GET", "/organizations"), api.send("GET", "/nothing")
    for answer in (good, bad):
        assert answer.headers["Content-Type"] == "application/json"
        assert len(answer.headers["Txnid"]) == 5
    assert good.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert good.headers["Strict-Transport-Security"]
    assert good.get_json() == {"id": "1", "name": "Acme"}
    assert api.ok("GET", f"/users/{OWNER}") == {
        "id": OWNER, "name": "Bea Ortiz", "email": "bea@example.com",
    }  # fmt: skip


def test_parameters_are_as_strict_as_they_were(api: Api) -> None:
    message = api.refused(400, "GET", "/accounts?_b=1&_upsert=email&start=0&limit=2")
    assert message == "Invalid Query Parameter(s): _b, _upsert"
    for query in ("_limit=0", "_limit=-1", "_limit=x", "_start=1.5", "modifiedDate=yesterday",
                  "_ids=%00"):  # fmt: skip
        api.refused(400, "GET", f"/contacts?{query}")
    assert api.ok("GET", "/contacts?_limit=1000&start=7")["limit"] == 200
    assert api.ok("GET", "/contacts?_limit=&_start=")["limit"] == 50
    assert api.ok("GET", "/lists?modifiedDate=ignored")["size"] == 3
    id = api.account("A")
    api.refused(400, "GET", f"/accounts/{id}?_limit=1")
    api.refused(400, "POST", "/contacts?_upsert=phone", {"properties": {}})


def test_a_poller_gets_what_changed_since_with_the_newest_last(api: Api) -> None:
    sales = sales_list(api.office)
    path = f"/lists/{sales.id}/listitems"
    made = [api.ok("POST", path, {"name": name}) for name in ("a", "b", "c")]
    cursor = made[1]["modifiedDate"]
    api.ok("PUT", f"{path}/{made[0]['id']}", {"fieldValues": {"3": [{"raw": 5}]}})
    assert names(api.ok("GET", path)) == ["a", "b", "c"]
    found = api.ok("GET", f"{path}?modifiedDate={cursor}")
    assert (names(found), found["totalSize"]) == (["b", "c", "a"], 3)
    assert names(api.ok("GET", f"{path}?modifiedDate={cursor}&_start=1&_limit=1")) == ["c"]
    again = api.ok("PUT", f"{path}/{made[2]['id']}", {})
    assert again["modifiedDate"] > made[2]["modifiedDate"]


def test_ids_come_in_the_order_asked_for(api: Api) -> None:
    a, b, c = (api.account(name) for name in "abc")
    found = api.ok("GET", f"/accounts?_ids={c},%20{a},{UNKNOWN},{c},{b}&_limit=2")
    assert [one["id"] for one in found["objects"]] == [c, a]


def test_items_are_found_by_any_of_several_contacts_and_by_account(api: Api) -> None:
    sales = sales_list(api.office)
    path = f"/lists/{sales.id}/listitems"
    ann, bob, cy = (api.contact(name, f"{name}@acme.test") for name in ("ann", "bob", "cy"))
    acme = api.account("Acme")
    api.ok("POST", path, {"name": "1", "contactIds": [ann, bob]})
    api.ok("POST", path, {"name": "2", "contactIds": [cy], "accountId": acme})
    api.ok("POST", path, {"name": "3"})
    assert names(api.ok("GET", f"{path}?contactIds={ann},{cy}")) == ["1", "2"]
    assert names(api.ok("GET", f"{path}?contactIds={ann},{cy}&accountIds={acme}")) == ["2"]
    assert api.ok("GET", f"{path}?contactIds={bob}")["totalSize"] == 1


def test_an_upsert_hits_by_one_shared_contact_and_takes_none_away(api: Api) -> None:
    sales = sales_list(api.office)
    path = f"/lists/{sales.id}/listitems"
    ann, bob = (api.contact(name, f"{name}@acme.test") for name in ("ann", "bob"))
    made = api.ok("POST", path, {"name": "Big", "contactIds": [ann, bob]})
    body = {"contactIds": [bob], "fieldValues": {"3": [{"raw": "7"}]}}
    found = api.ok("POST", f"{path}?_upsert=contactIds", body)
    assert (found["id"], found["contactIds"], found["name"]) == (made["id"], [ann, bob], "Big")
    assert "contactIds" in api.refused(422, "POST", f"{path}?_upsert=contactIds", {"name": "x"})
    api.refused(400, "POST", f"{path}?_upsert=name", {"name": "x"})


def test_a_contact_list_holds_one_contact_and_no_account_per_item(api: Api) -> None:
    leads = sales_list(api.office, "People", ListType.CONTACT)
    path = f"/lists/{leads.id}/listitems"
    ann, bob = (api.contact(name, f"{name}@acme.test") for name in ("Ann", "Bob"))
    made = api.ok("POST", path, {"contactIds": [ann], "accountId": None})
    assert (made["name"], made["accountId"]) == ("Ann", None)
    for wrong in ({}, {"contactIds": [ann, bob]},
                  {"contactIds": [ann], "accountId": api.account("A")}):  # fmt: skip
        api.refused(422, "POST", path, wrong)
    after = api.ok("PUT", f"{path}/{made['id']}", {"name": "x", "contactIds": [bob]})
    assert (after["name"], after["contactIds"]) == ("Ann", [ann])


def test_what_is_named_in_a_body_has_to_be_there(api: Api) -> None:
    sales = sales_list(api.office)
    path = f"/lists/{sales.id}/listitems"
    api.refused(422, "POST", path, {"contactIds": [UNKNOWN]})
    api.refused(422, "POST", path, {"accountId": UNKNOWN})
    api.refused(422, "POST", path, {"listId": UNKNOWN})
    other = sales_list(api.office, "Other")
    item = api.ok("POST", path, {"name": "x"})["id"]
    api.refused(404, "GET", f"/lists/{other.id}/listitems/{item}")
    api.refused(404, "PUT", f"/lists/{other.id}/listitems/{item}", {"name": "y"})


def test_a_contact_that_was_absorbed_is_found_as_its_survivor(api: Api) -> None:
    ann, old = api.contact("Ann", "ann@acme.test"), api.contact("Anne", "anne@acme.test")
    with api.office.db.write() as conn:
        api.office.crm.edit(conn, api.office.org, lambda d: merge.merge(d, ann, old, RULE), [])
    assert api.ok("GET", f"/contacts/{old}")["id"] == ann
    (found,) = api.ok("GET", f"/contacts?_ids={old}")["objects"]
    assert (found["id"], found["requestedIds"], found["mergedIds"]) == (ann, [old], [old])
    (found,) = api.ok("GET", "/contacts?properties.email=anne@acme.test")["objects"]
    assert (found["requestedIds"], found["mergedIds"]) == (None, [old])


def test_an_upsert_by_address_keeps_every_address_and_the_date_of_what_is_the_same(
    api: Api,
) -> None:
    id = api.contact("Ann", "ann@acme.test")
    emails = [{"value": "ANN@acme.test"}, {"value": "a@home.test", "metadata": {"primary": True}}]
    body = {"properties": {"email": emails}}
    found = api.ok("POST", "/contacts?_upsert=email", body)
    assert found["id"] == id
    assert [one["value"] for one in found["properties"]["email"]] == [
        "ann@acme.test", "a@home.test",
    ]  # fmt: skip
    assert found["properties"]["email"][1]["metadata"] == {"primary": "true"}
    assert found["properties"]["name"] == [{"value": "Ann", "metadata": {}}]
    assert api.ok("POST", "/contacts?_upsert=email", body) == found
    assert "email" in api.refused(
        422, "POST", "/contacts?_upsert=email", {"properties": {"name": [{"value": "Ann"}]}}
    )
    assert api.ok("POST", "/contacts", body)["id"] != id


def test_numbers_are_kept_in_one_form_and_found_in_several(api: Api) -> None:
    phone = {"value": "(415) 555-0134"}
    made = api.ok("POST", "/contacts", {"properties": {"phone": [phone]}})
    assert made["properties"]["phone"] == [
        {"value": "+14155550134", "metadata": {"raw_val": "+1 415-555-0134"}}
    ]
    for asked in ("14155550134", "%2B14155550134", "415-555-0134"):
        found = api.ok("GET", f"/contacts?properties.phone={asked}")["objects"]
        assert made["id"] in [one["id"] for one in found], asked


def test_a_contact_on_an_item_stays_and_an_archived_one_is_gone(api: Api) -> None:
    sales = sales_list(api.office)
    ann, bob = (api.contact(name, f"{name}@acme.test") for name in ("ann", "bob"))
    api.ok("POST", f"/lists/{sales.id}/listitems", {"contactIds": [ann]})
    api.refused(422, "DELETE", f"/contacts/{ann}")
    assert api.send("DELETE", f"/contacts/{bob}").data == b"true"
    api.refused(404, "GET", f"/contacts/{bob}")
    api.refused(404, "DELETE", f"/contacts/{bob}")
    assert api.ok("GET", f"/contacts?_ids={bob}")["objects"] == []
    assert ARCHIVED not in str(api.ok("GET", "/contacts"))


def test_an_account_takes_a_free_name_and_leaves_its_items_when_it_goes(api: Api) -> None:
    a, b = api.account("A"), api.account("B")
    api.refused(422, "PUT", f"/accounts/{b}", {"id": b, "name": " a "})
    api.refused(422, "PUT", f"/accounts/{b}", {"id": a, "name": "C"})
    api.refused(422, "PUT", f"/accounts/{b}", {"id": b})
    assert api.ok("PUT", f"/accounts/{b}", {"id": b, "name": "C"})["name"] == "C"
    sales = sales_list(api.office)
    path = f"/lists/{sales.id}/listitems"
    item = api.ok("POST", path, {"accountId": a})
    assert api.ok("DELETE", f"/accounts/{a}") is True
    api.refused(404, "DELETE", f"/accounts/{a}")
    after = api.ok("GET", f"{path}/{item['id']}")
    assert (after["accountId"], after["name"]) == (None, "A")
    assert after["modifiedDate"] > item["modifiedDate"]


def test_a_list_tells_its_fields_and_its_size(api: Api) -> None:
    sales = sales_list(api.office)
    api.ok("POST", f"/lists/{sales.id}/listitems", {"name": "x"})
    found = api.ok("GET", f"/lists/{sales.id}?includeSize=true")
    assert list(found) == [
        "id", "title", "listType", "modifiedDate", "fields", "size", "savedViewNames",
    ]  # fmt: skip
    assert (found["size"], found["modifiedDate"]) == (1, 0)
    fields = {one["id"]: one for one in found["fields"]}
    assert fields.keys() == {"0", "1", "3", "process_created_date", "process_close_date"}
    assert fields["0"]["listOptions"][4] == {"id": "4", "display": "Deal Won"}
    assert "isLinkedField" in fields["0"]
    listed = api.ok("GET", f"/lists/{sales.id}/fields?_limit=2")
    assert (listed["size"], listed["limit"]) == (2, 2)
    assert listed["objects"][1]["fieldType"] == "List"
    assert "isLinkedField" not in api.ok("GET", "/accounts/fields")["fields"][0]


def test_a_batch_answers_each_object_for_itself(api: Api) -> None:
    sales = sales_list(api.office)
    path = f"/lists/{sales.id}/listitems"
    ann = api.contact("Ann", "ann@acme.test")
    sent: list[object] = [
        {"name": "b", "contactIds": [ann]}, {"name": "bad", "contactIds": [UNKNOWN]}, 7,
        {"name": "a"},
    ]  # fmt: skip
    made = api.ok("POST", f"{path}/createBatch", {"objects": sent})
    assert [one["name"] for one in made["successObjects"]] == ["b", "a"]
    assert [one["object"] for one in made["errorObjects"]] == sent[1:3]
    assert made["errorObjects"][0]["statusCode"] == 422
    changed = [{"id": one["id"], "fieldValues": {"3": [{"raw": "9"}]}}
               for one in made["successObjects"]]  # fmt: skip
    found = api.ok("PUT", f"{path}/updateBatch/", {"objects": [*changed, {"name": "no id"}]})
    assert [one["fieldValues"]["3"] for one in found["successObjects"]] == [[{"raw": "9"}]] * 2
    assert len(found["errorObjects"]) == 1
    twice = {
        "objects": [{"name": "Acme"}, {"name": "Other"}, {"name": "acme"}, {"name": "A\u0000"}]
    }
    made = api.ok("POST", "/accounts/createBatch", twice)
    assert names({"objects": made["successObjects"]}) == ["Acme", "Other", "Acme"]
    assert made["errorObjects"][0]["errorMessage"] == "name has control characters"
    api.ok("PUT", "/accounts/updateBatch", {"objects": made["successObjects"]})
    people = {"objects": [{"properties": {"name": [{"value": name}]}} for name in ("x", "y")]}
    made = api.ok("POST", "/contacts/createBatch", people)
    api.ok("PUT", "/contacts/updateBatch", {"objects": made["successObjects"]})
    assert len(made["successObjects"]) == 2
    api.refused(400, "POST", "/contacts/createBatch", {"objects": [{}] * 51})
    api.refused(400, "POST", "/contacts/createBatch", {"objects": {}})


def test_a_contact_in_a_field_may_be_named_by_address(api: Api) -> None:
    ann = api.contact("Ann", "ann@acme.test")
    for raw in (ann, "ANN@acme.test", f"{ann}@Ann"):
        sent = {"primary_contact": [{"raw": raw}]}
        made = api.ok("POST", "/accounts", {"name": "Acme", "fieldValues": sent})
        assert made["fieldValues"]["primary_contact"] == [{"raw": ann}], raw


def test_of_many_who_take_one_name_at_once_one_gets_it(api: Api) -> None:
    """Half of them make an account of that name, half rename theirs to it."""
    mine = [api.account(f"mine {number}") for number in range(4)]
    statuses: list[int] = []

    def send(method: str, path: str, body: dict[str, str]) -> None:
        client = api.client.application.test_client()
        answer = client.open(f"/v2{path}", method=method, json=body, auth=(KEY, SECRET))
        statuses.append(answer.status_code)

    sent = [("PUT", f"/accounts/{id}", {"id": id, "name": "Acme"}) for id in mine]
    sent += [("POST", "/accounts", {"name": "acme"})] * 4
    threads = [threading.Thread(target=send, args=one) for one in sent]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) <= {200, 422}
    found = [name for name in names(api.ok("GET", "/accounts")) if name.lower() == "acme"]
    assert len(found) == 1
