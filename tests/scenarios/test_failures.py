"""What failed of one cause is looked after at once: done again when it is mended, or dismissed."""

import pytest

from relay.core.errors import NotFound
from relay.pipeline import failures, rules
from relay.pipeline.replay import CURRENT
from tests.scenarios.house import House

ME = "owner@relay.example"
DEALS = ("Northwind onboarding", "Granite workshop", "Larkspur annual plan")
BROKEN = """\
version: 1
rules:
  - id: note-it
    when: { changed: status, list: Deals, to: Deal Won }
    do:
      - id: note
        use: crm.update_item
        with: { item: "no-such-item", fields: { seats: 1 } }
      - use: crm.post_stream
        with: { subject: Won, body: "${item.name}" }
"""


def apply(house: House, text: str) -> None:
    rules.apply(house.runtime, house.made.org, {"rules/note.yaml": text}, by=ME)


def failed(house: House) -> list[tuple[str, int, str | None]]:
    found = failures.listed(house.runtime, house.made.org)
    return [(one["rule"], one["runs"], one["connector"]) for one in found]


def test_an_outage_is_cleaned_up_in_one_action(house: House) -> None:
    apply(house, BROKEN)
    for deal in DEALS:
        house.set("Deals", deal, "Status", "Deal Won")
    house.settle()
    assert failed(house) == [("note-it", 3, "crm")]
    apply(house, BROKEN.replace('item: "no-such-item", ', ""))
    (one,) = failures.listed(house.runtime, house.made.org)
    asked = (house.runtime, house.made.org, one["cause"], CURRENT)
    plan = failures.foretell(*asked)
    assert [(step["id"], step["times"], step["safe"]) for step in plan["steps"]] == [
        ("note", 3, True), ("step_2", 3, True),
    ]  # fmt: skip
    first = failures.replay_all(*asked, 1, by=ME)
    house.settle()
    assert len(first["runs"]) == 1
    assert failed(house) == [("note-it", 2, "crm")]
    assert len(failures.replay_all(*asked, by=ME)["runs"]) == 2
    house.settle()
    assert failed(house) == []
    assert [run.state for run in house.runs("note-it")] == ["failed"] * 3 + ["succeeded"] * 3
    with pytest.raises(NotFound, match="no failed run of that cause"):
        failures.foretell(*asked)


def test_what_needs_nothing_is_dismissed_with_a_reason(small_house: House) -> None:
    house = small_house
    apply(house, BROKEN)
    house.set("Deals", DEALS[0], "Status", "Deal Won")
    house.settle()
    (one,) = failures.listed(house.runtime, house.made.org)
    org = house.made.org
    assert failures.dismiss(house.runtime, org, one["cause"], "done by hand", by=ME) == 1
    assert failed(house) == []
    (run,) = house.runs("note-it")
    assert (run.state, run.settled) == ("failed", f"dismissed by {ME}: done by hand")
    house.set("Deals", DEALS[1], "Status", "Deal Won")
    house.settle()
    assert failed(house) == [("note-it", 1, "crm")], "the next one is news again"
