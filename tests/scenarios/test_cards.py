"""W3: a scanned card, or a person looked up, becomes a contact and its item."""

import json
from typing import Any

from relay.integrations import INTEGRATIONS
from relay.pipeline import arrange
from relay.samples import samples
from tests.scenarios.house import House

CARDS = {one.name: one for one in samples(INTEGRATIONS["fullcontact"])}


def source(house: House, name: str, into: str | None = None) -> None:
    new = arrange.NewSource(type="fullcontact", name=name, list=into)
    arrange.create_source(house.runtime, house.made.org, new, by="test")


def scan(house: House, name: str, email: str) -> None:
    card = json.loads(CARDS["card"].body)
    card["contact"]["emails"] = [{"type": "Work", "value": email}]
    card["id"] = f"{name}-{email}"
    assert house.post(name, json=card).status_code == 200
    house.settle()


def person(house: House, email: str) -> Any:
    (found,) = house.api("GET", "/contacts", params={"properties.email": email})["objects"]
    return {key: [one["value"] for one in found["properties"].get(key, [])]
            for key in ("name", "phone", "title", "company")}  # fmt: skip


def test_a_card_becomes_a_contact_and_an_item_and_a_look_up_completes_one(house: House) -> None:
    """Attributes go to the contact, whichever kind of list is chosen."""
    source(house, "fair")
    source(house, "deals fair", into="Deals")
    scan(house, "fair", "new@card.example")
    told = person(house, "new@card.example")
    assert told["name"]
    assert told["company"]
    assert told["title"]
    lead = house.item("Leads", told["name"][0])["shown"]
    assert lead["Status"] == "New"
    assert lead["Account Name"] == told["company"][0]
    scan(house, "deals fair", "other@card.example")
    deal = house.item("Deals", person(house, "other@card.example")["company"][0])
    assert house.api("GET", f"/accounts/{deal['accountId']}")["name"] == told["company"][0]

    found = CARDS["person_v3"]
    source(house, "lookups")
    house.post("lookups", json=json.loads(found.body),
               params={"email": "Ada@Northwind.example", "job": "1042"})  # fmt: skip
    house.settle()
    known = person(house, "ada@northwind.example")
    assert known["title"][0] == json.loads(found.body)["title"]
