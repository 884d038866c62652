"""W1: whose delivery it is. Any address of the contact counts, the rule for several is written down
and seen in the trace, and an item is never guessed where it may be money."""

from typing import Any

from relay.pipeline import arrange
from relay.storage import sources
from tests.scenarios.house import House

FORM = {"email": "Ann.Lee+web@Example.com", "name": "Ann Lee", "company": "Acme Ltd"}


def mapped(house: House, **changed: Any) -> None:
    """The website's mapping with other settings."""
    with house.runtime.db.read() as conn:
        row = sources.source_named(conn, house.runtime.vault, house.made.org, "website")
    mapping = {**(row.mapping or {}), **changed}
    kept = {key: value for key, value in mapping.items() if value is not None}
    arrange.set_source_mapping(house.runtime, house.made.org, "website", kept, by="test")


def contact(house: House, *emails: str, name: str = "Ann Lee") -> str:
    properties = {"name": [{"value": name}], "email": [{"value": one} for one in emails]}
    return str(house.api("POST", "/contacts", json={"properties": properties})["id"])


def item(house: House, title: str, contact_id: str, name: str | None = None) -> str:
    body = {"contactIds": [contact_id]} | ({"name": name} if name else {})
    path = f"/lists/{house.its_list(title)['id']}/listitems"
    return str(house.api("POST", path, json=body)["id"])


def company_of(house: House, title: str, id: str) -> str | None:
    its = house.its_list(title)
    row = house.api("GET", f"/lists/{its['id']}/listitems/{id}")
    field = next(one["id"] for one in its["fields"] if one["name"] == "Account Name")
    return next((one["raw"] for one in row["fieldValues"].get(field, [])), None)


def run(house: House) -> Any:
    house.post("website", data=FORM)
    house.settle()
    return house.runs("mapping-1")[-1]


def output(house: House, run: Any, use: str) -> Any:
    return next(step.output for step in house.steps(run.id) if step.use == use)


def test_any_address_of_the_contact_finds_it_whatever_its_case(house: House) -> None:
    ann = contact(house, "ann@old.example", "ann.lee+web@example.com")
    assert output(house, run(house), "crm.upsert_contact") == {"id": ann, "created": False}


def test_a_plus_tag_is_part_of_the_address(house: House) -> None:
    ann = contact(house, "ann.lee@example.com")
    made = output(house, run(house), "crm.upsert_contact")
    assert made["created"]
    assert made["id"] != ann


def test_of_several_contacts_with_one_address_the_oldest_is_taken_and_the_trace_says_so(
    house: House,
) -> None:
    oldest = contact(house, "ann.lee+web@example.com", name="Ann Lee")
    contact(house, "ann.lee+web@example.com", name="A. Lee")
    found = output(house, run(house), "crm.upsert_contact")
    assert found["id"] == oldest
    assert found["note"] == "2 contacts have ann.lee+web@example.com: the oldest was taken"


def test_which_of_several_items_is_updated_is_a_setting_of_the_source(house: House) -> None:
    ann = contact(house, "ann.lee+web@example.com")
    leads = [item(house, "Leads", ann), item(house, "Leads", ann)]
    for several, taken in (
        (None, "the oldest was taken"),
        ("newest", "the newest was taken"),
        ("oldest", "the oldest was taken"),
        ("all", "all were updated"),
    ):
        mapped(house, several=several, fields={"account_name": f"{several} Ltd"})
        done = run(house)
        assert done.state == "succeeded"
        assert output(house, done, "crm.create_item")["note"] == f"2 items of Leads match: {taken}"
        got = [company_of(house, "Leads", lead) == f"{several} Ltd" for lead in leads]
        assert got == [several != "newest", several in ("newest", "all")]


def test_on_an_account_list_several_items_stop_the_run_and_are_named(house: House) -> None:
    """It may be money: the default on account lists is to refuse."""
    ann = contact(house, "ann.lee+web@example.com")
    first, second = item(house, "Deals", ann, "Renewal"), item(house, "Deals", ann, "Upgrade")
    mapped(house, list="Deals", new=None, fields={"seats": 40})
    done = run(house)
    assert done.state == "failed"
    assert f"Renewal ({first})" in done.reason
    assert f"Upgrade ({second})" in done.reason


def test_a_company_becomes_the_account_of_a_new_deal_and_a_person_alone_its_name(
    house: House,
) -> None:
    mapped(house, list="Deals", new=None, fields={}, account="${event.data.company}")
    done = run(house)
    assert done.state == "succeeded"
    deal = house.item("Deals", "Acme Ltd")
    account = house.api("GET", f"/accounts/{deal['accountId']}")
    assert account["name"] == "Acme Ltd"
    house.post("website", data={"email": "bo@example.com", "name": "Bo Berg"})
    house.settle()
    assert house.item("Deals", "Bo Berg")["accountId"] is None


def test_a_known_person_without_an_item_is_reported_where_nothing_may_be_made(house: House) -> None:
    contact(house, "ann.lee+web@example.com")
    mapped(house, nobody="report")
    done = run(house)
    assert (done.state, done.reason) == ("filtered", "no item of Leads found")
