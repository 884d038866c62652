"""T3, W1: a source's mapping has versions as rules have. A run ends with the one it began with, and
is done again by that one or by the one that is there now."""

from typing import Any

import pytest

from relay.core.ids import public
from relay.pipeline import arrange, explain, replay
from relay.pipeline.replay import CURRENT, RAN, WHOLE, Wanted
from relay.storage import sources
from relay.storage.tables.setup import mappings
from tests.scenarios.elsewhere import with_stand_in
from tests.scenarios.house import House
from tests.standin.crm import LEADS, Fault

FORM = {"email": "ann@example.com", "name": "Ann Lee", "company": "Acme Ltd"}
ME = "owner@relay.example"
RULE = "mapping-1"


def map_company(house: House, text: str) -> None:
    """What becomes of a form's company, and what the stream is told."""
    with house.runtime.db.read() as conn:
        row = sources.source_named(conn, house.runtime.vault, house.made.org, "website")
    changed = {
        **(row.mapping or {}),
        "fields": {"account_name": text},
        "stream": {"subject": f"Wrote to us: {text}", "body": "By the form."},
    }
    arrange.set_source_mapping(house.runtime, house.made.org, "website", changed, by=ME)


def subjects(house: House) -> list[Any]:
    return [house.steps(run.id)[-1].input["subject"] for run in house.runs(RULE)]


def test_a_run_that_waits_ends_with_the_mapping_it_began_with(house: House) -> None:
    with with_stand_in(house) as crm:
        map_company(house, "First")
        crm.faults.append(Fault("POST", "/listitems", status=503, lost=False))
        house.post("website", data=FORM)
        house.settle()
        (run,) = house.runs(RULE)
        assert run.state == "waiting", "the contact is there, the item is to come"
        map_company(house, "Second")
        house.later()
        house.settle()
        house.post("website", data=FORM)
        house.settle()
        (item,) = crm.items[LEADS]
    first, second = house.runs(RULE)
    assert (first.state, second.state) == ("succeeded", "succeeded")
    assert first.rule_hash != second.rule_hash
    assert subjects(house) == ["Wrote to us: First", "Wrote to us: Second"]
    assert item["fieldValues"]["4"] == [{"raw": "Second"}]


@pytest.mark.parametrize(("version", "becomes"), [(RAN, "First"), (CURRENT, "Second")])
def test_a_mapping_is_done_again_by_the_version_that_ran_or_by_the_present_one(
    small_house: House, version: str, becomes: str
) -> None:
    house = small_house
    map_company(house, "First")
    house.post("website", data=FORM)
    house.settle()
    (run,) = house.runs(RULE)
    map_company(house, "Second")
    wanted = Wanted(what=WHOLE, version=version)
    told = replay.foretell(house.runtime, house.made.org, run.id, wanted)
    assert (told["rule_hash"] == run.rule_hash) is (version == RAN)
    again = replay.replay(house.runtime, house.made.org, run.id, wanted, by=ME)
    house.settle()
    assert subjects(house) == ["Wrote to us: First", f"Wrote to us: {becomes}"]
    story = explain.run(house.runtime, house.made.org, again)
    assert story["id"] == public("run", again)
    assert story["rule_hash"] == told["rule_hash"]
    assert told["rule_hash"] in {row.hash for row in house.rows(mappings)}


def test_a_mapping_that_is_set_again_is_kept_once(small_house: House) -> None:
    before = len(small_house.rows(mappings))
    for text in ("First", "Second", "First"):
        map_company(small_house, text)
    assert len(small_house.rows(mappings)) == before + 2
