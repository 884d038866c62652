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


def run(house: House, **changed: str) -> Any:
    """What a form leads to."""
    house.post("website", data={**FORM, **changed})
    house.settle()
    return house.runs("mapping-1")[-1]


def output(house: House, run: Any, use: str) -> Any:
    return next(step.output for step in house.steps(run.id) if step.use == use)


def test_any_address_finds_the_contact_and_of_several_contacts_the_oldest_is_taken(
    house: House,
) -> None:
    """Upper and lower case are one; a plus tag is part of the address."""
    other = contact(house, "ann.lee@example.com")
    made = output(house, run(house), "crm.upsert_contact")
    assert made["created"]
    assert made["id"] != other
    ann = contact(house, "ann@old.example", "ann@new.example")
    known = output(house, run(house, email="Ann@NEW.example"), "crm.upsert_contact")
    assert known == {"id": ann, "created": False}
    contact(house, "ann@new.example", name="A. Lee")
    known = output(house, run(house, email="ann@new.example"), "crm.upsert_contact")
    assert known["id"] == ann
    assert known["note"] == "2 contacts have ann@new.example: the oldest was taken"


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


def test_on_an_account_list_nothing_is_guessed_and_a_company_becomes_the_account(
    house: House,
) -> None:
    """It may be money: the default on account lists is to refuse, and to name the candidates."""
    ann = contact(house, "ann.lee+web@example.com")
    first, second = item(house, "Deals", ann, "Renewal"), item(house, "Deals", ann, "Upgrade")
    mapped(house, list="Deals", new=None, fields={}, account="${event.data.company}")
    done = run(house)
    assert done.state == "failed"
    assert f"Renewal ({first})" in done.reason
    assert f"Upgrade ({second})" in done.reason
    run(house, email="bo@example.com")
    deal = house.item("Deals", "Acme Ltd")
    assert house.api("GET", f"/accounts/{deal['accountId']}")["name"] == "Acme Ltd"
    run(house, email="cy@example.com", name="Cy Dahl", company="")
    assert house.item("Deals", "Cy Dahl")["accountId"] is None
    contact(house, "di@example.com")
    mapped(house, nobody="report")
    done = run(house, email="di@example.com")
    assert (done.state, done.reason) == ("filtered", "no item of Deals found")
