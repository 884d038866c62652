"""The API's acceptance vectors, on both databases (https://api.salesforceiq.com/)."""

import pytest

from relay.crm.embedded import admin
from relay.crm.embedded.admin import NewField
from relay.crm.model import FieldType
from tests.crm.api import Api, api_of, sales_list
from tests.crm.office import OWNER, Office

UNKNOWN = "0" * 24


@pytest.fixture
def api(office: Office) -> Api:
    return api_of(office)


def test_a_request_without_credentials_gets_401_and_the_error_object(api: Api) -> None:
    response = api.send("GET", "/accounts", auth=False)
    assert response.status_code == 401
    assert response.get_json()["statusCode"] == 401
    assert response.get_json()["errorMessage"].startswith("authorization failed")


def test_an_account_that_is_posted_twice_is_one(api: Api) -> None:
    first = api.ok("POST", "/accounts/", {"id": None, "name": "A"})
    again = api.ok("POST", "/accounts/", {"id": None, "name": "A"})
    assert first["id"] == again["id"]


def test_an_unknown_account_is_404(api: Api) -> None:
    api.refused(404, "GET", f"/accounts/{UNKNOWN}")


def test_accounts_come_by_name_whatever_their_case(api: Api) -> None:
    for name in ("b", "A", "c"):
        api.account(name)
    names = [one["name"] for one in api.ok("GET", "/accounts")["objects"]]
    assert [name for name in names if len(name) == 1] == ["A", "b", "c"]


def test_a_contact_needs_no_more_than_a_name(api: Api) -> None:
    made = api.ok("POST", "/contacts", {"properties": {"name": [{"value": "N"}]}})
    assert made["properties"] == {"name": [{"value": "N", "metadata": {}}]}
    assert (made["requestedIds"], made["mergedIds"], made["state"]) == (None, None, "ACTIVE")


def test_upsert_is_refused_on_put(api: Api) -> None:
    id = api.contact("Ann", "ann@acme.test")
    message = api.refused(400, "PUT", f"/contacts/{id}?_upsert=email", {"properties": {}})
    assert message == "Invalid Query Parameter(s): _upsert"


def test_unknown_ids_are_missing_from_the_answer(api: Api) -> None:
    found = api.ok("GET", f"/contacts?_ids={UNKNOWN}")
    assert (found["objects"], found["size"]) == ([], 0)


def test_an_item_without_an_account_has_no_name_and_closes_in_thirty_days(api: Api) -> None:
    sales = sales_list(api.office)
    ann = api.contact("Ann", "ann@acme.test")
    made = api.ok("POST", f"/lists/{sales.id}/listitems", {"contactIds": [ann]})
    assert (made["name"], made["accountId"], made["contactIds"]) == ("(No Name)", None, [ann])
    created = made["fieldValues"]["process_created_date"][0]["raw"]
    close = made["fieldValues"]["process_close_date"][0]["raw"]
    assert int(close) - int(created) == 2_592_000_000
    assert int(created) == made["createdDate"]


def test_put_changes_what_is_sent_and_nothing_else(api: Api) -> None:
    sales = sales_list(api.office)
    body = {
        "name": "Big one",
        "contactIds": [api.contact("Ann", "ann@acme.test")],
        "fieldValues": {"0": [{"raw": "0"}], "3": [{"raw": "1500"}]},
    }
    before = api.ok("POST", f"/lists/{sales.id}/listitems", body)
    path = f"/lists/{sales.id}/listitems/{before['id']}"
    after = api.ok("PUT", path, {"fieldValues": {"0": [{"raw": "2"}]}})
    assert after["modifiedDate"] > before["modifiedDate"]
    assert after["version"] == 1
    before["fieldValues"]["0"] = [{"raw": "2"}]
    assert after | {"modifiedDate": before["modifiedDate"]} == before
    assert api.ok("GET", path) == after


def test_a_key_that_is_no_field_is_not_stored(api: Api) -> None:
    sales = sales_list(api.office)
    made = api.ok("POST", f"/lists/{sales.id}/listitems", {"name": "x"})
    body = {"fieldValues": {"processCloseDate": [{"raw": "1472418913637"}]}}
    after = api.ok("PUT", f"/lists/{sales.id}/listitems/{made['id']}", body)
    assert after["fieldValues"] == made["fieldValues"]


@pytest.mark.parametrize("key", ["accountId", "accountIds"])
def test_an_upsert_with_four_matches_updates_the_oldest(api: Api, key: str) -> None:
    sales = sales_list(api.office)
    path = f"/lists/{sales.id}/listitems"
    body = {"accountId": api.account("Acme")}
    made = [api.ok("POST", path, body)["id"] for _ in range(4)]
    values = {"fieldValues": {"0": [{"raw": "1"}]}}
    found = api.ok("POST", f"{path}?_upsert={key}", {**body, **values})
    assert found["id"] == made[0]
    assert found["fieldValues"]["0"] == [{"raw": "1"}]


def test_an_event_of_an_unknown_address_is_accepted(api: Api) -> None:
    participants = [{"type": "email", "value": "nobody@nowhere.example"}]
    body = {"subject": "Call", "body": "Agreed.", "participantIds": participants}
    response = api.send("PUT", "/events/", body)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("count", [0, 6])
def test_an_event_has_one_to_five_participants(api: Api, count: int) -> None:
    participants = [{"type": "email", "value": f"p{n}@acme.test"} for n in range(count)]
    body = {"subject": "Call", "body": "Agreed.", "participantIds": participants}
    message = api.refused(422, "PUT", "/events", body)
    assert message == "Events cannot have more than 5 participants"


def test_a_delete_answers_true(api: Api) -> None:
    sales = sales_list(api.office)
    made = api.ok("POST", f"/lists/{sales.id}/listitems", {"name": "x"})
    path = f"/lists/{sales.id}/listitems/{made['id']}"
    assert api.send("DELETE", path).data == b"true"
    api.refused(404, "DELETE", path)


def test_a_page_of_items_says_how_many_there_are(api: Api) -> None:
    sales = sales_list(api.office)
    for number in range(7):
        api.ok("POST", f"/lists/{sales.id}/listitems", {"name": f"item {number}"})
    found = api.ok("GET", f"/lists/{sales.id}/listitems/?_start=0&_limit=1")
    assert list(found) == ["totalSize", "offset", "limit", "objects", "size"]
    assert (found["totalSize"], found["size"], found["objects"][0]["name"]) == (7, 1, "item 0")


def test_values_by_text_address_and_milliseconds_are_stored_as_ids_and_days(api: Api) -> None:
    fields = account_fields(api.office)
    sent = {
        fields["Tier"]: [{"raw": "gold"}],
        fields["Manager"]: [{"raw": "BEA@example.com"}],
        fields["Since"]: [{"raw": 1472529600000}],
    }
    made = api.ok("POST", "/accounts", {"name": "Acme", "fieldValues": sent})
    assert made["fieldValues"] == {
        fields["Tier"]: [{"raw": "1"}],
        fields["Manager"]: [{"raw": OWNER}],
        fields["Since"]: [{"raw": "2016-08-30"}],
    }


def test_a_multi_select_by_texts_keeps_its_order(api: Api) -> None:
    fields = account_fields(api.office)
    sent = {fields["Regions"]: [{"raw": "South"}, {"raw": "north"}]}
    made = api.ok("POST", "/accounts", {"name": "Acme", "fieldValues": sent})
    assert made["fieldValues"] == {fields["Regions"]: [{"raw": "1"}, {"raw": "0"}]}


def test_an_address_may_stand_in_double_quotes(api: Api) -> None:
    id = api.contact("Ann", "x@y.example")
    bare = api.ok("GET", "/contacts?properties.email=x@y.example")
    quoted = api.ok("GET", "/contacts?properties.email=%22x@y.example%22")
    assert bare == quoted
    assert [one["id"] for one in bare["objects"]] == [id]


def account_fields(office: Office) -> dict[str, str]:
    """Account fields of several types; their ids by name."""
    new = (
        NewField(name="Tier", type=FieldType.LIST, options=("Silver", "Gold")),
        NewField(name="Manager", type=FieldType.USER),
        NewField(name="Since", type=FieldType.DATE),
        NewField(name="Regions", type=FieldType.LIST, options=("North", "South"), is_multi=True),
    )
    with office.db.write() as conn:
        made = [admin.create_field(conn, office.org, new=one) for one in new]
    return {one.name: one.id for one in made}
