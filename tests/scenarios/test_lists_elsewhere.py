"""Hooks and keys are kept to lists of a CRM elsewhere as to Relay's own."""

from collections.abc import Iterator
from typing import Any

import pytest

from relay.core.errors import InvalidInput
from relay.pipeline import arrange, subscribe
from relay.pipeline.crm_lists import all_lists
from relay.pipeline.subscribe import NewHook
from relay.storage import identity
from relay.storage.tables.deliveries import deliveries
from tests.scenarios.elsewhere import NAME, with_stand_in
from tests.scenarios.house import House
from tests.standin.crm import DEALS, LEADS, StandIn

ME = "owner@relay.example"
URL = "https://app.example.com/in"


@pytest.fixture
def crm(small_house: House) -> Iterator[StandIn]:
    with with_stand_in(small_house) as elsewhere:
        yield elsewhere


def hooked(house: House, name: str) -> str | None:
    new = NewHook(url=URL, event="list_item.*", list_id=name)
    return subscribe.subscribe(house.runtime, house.made.org, new, by=ME).hook.list_id


def look(house: House) -> None:
    """The next look of the watch is due."""
    house.later()
    house.settle()


def ask(house: House, path: str, auth: tuple[str, str]) -> Any:
    answer = house.app.test_client().get(f"/api/v1{path}", auth=auth)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_json()


def test_a_list_is_named_by_title_or_id_and_a_wrong_one_is_told(
    small_house: House, crm: StandIn
) -> None:
    house = small_house
    look(house)
    assert hooked(house, LEADS) == LEADS
    assert hooked(house, "Enterprise Deals") != DEALS, "Relay's own are there too"
    with pytest.raises(InvalidInput, match=rf"several lists.*{DEALS} \({NAME}\) or .* \(Relay\)"):
        hooked(house, "Deals")
    with pytest.raises(InvalidInput, match="there is no list 'Dealz'"):
        hooked(house, "Dealz")
    key = (house.made.key, house.made.secret)
    offered = {one["id"]: one for one in ask(house, "/hooks/lists", key)["data"]}
    assert offered[DEALS] == {"id": DEALS, "title": "Deals", "type": "account", "crm": NAME}
    assert [one["crm"] for one in offered.values() if one["title"] == "Leads"] == [NAME, None]
    with house.runtime.db.read() as conn:
        titles = all_lists(house.runtime, conn, house.made.org).titles
    assert titles[DEALS] == f"Deals ({NAME})"


def test_a_hook_of_a_list_elsewhere_hears_of_its_items_alone(
    small_house: House, crm: StandIn
) -> None:
    house = small_house
    look(house)
    hooked(house, DEALS)
    deal = crm.item(DEALS, "Northwind", f0="1")
    crm.item(LEADS, "Ann Lee", f0="0")
    look(house)
    crm.set(deal, "0", "2")
    look(house)
    told = [row.item_id for row in house.rows(deliveries, target_kind="hook")]
    assert told
    assert set(told) == {deal["id"]}


def test_a_key_of_a_list_elsewhere_sees_what_happened_on_it(
    small_house: House, crm: StandIn
) -> None:
    house = small_house
    look(house)
    with house.runtime.db.write() as conn:
        kept = arrange.list_ids(house.runtime, conn, house.made.org, [DEALS])
        narrow = identity.create_key(
            conn, house.made.org, name="narrow", scopes=["events:read", "hooks"], lists=kept,
            by=ME, at=house.runtime.clock.now(),
        )  # fmt: skip
    hooked(house, DEALS)
    deal = crm.item(DEALS, "Northwind", f0="1")
    crm.item(LEADS, "Ann Lee", f0="0")
    look(house)
    crm.set(deal, "0", "2")
    look(house)
    seen = {one["item_id"] for one in ask(house, "/events", narrow)["data"]}
    assert seen == {deal["id"]}
    assert [one["id"] for one in ask(house, "/hooks/lists", narrow)["data"]] == [DEALS]
    assert len(ask(house, "/hooks", narrow)["data"]) == 1


def test_before_they_are_read_it_is_said_so(small_house: House, crm: StandIn) -> None:
    with pytest.raises(InvalidInput, match=f"the lists of {NAME} have not been read yet"):
        hooked(small_house, "Leads")
