"""The pages about hooks say what the code does."""

from pathlib import Path

import jsonschema_rs
import pytest

from relay.core.catalogue import CATALOGUE, nouns
from relay.core.catalogue_page import page
from relay.core.event import FACTS
from relay.pipeline.schedule import STEPS
from relay.web.portal import SNIPPETS
from tests.hooks.hooked import Hooked

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_events_is_the_catalogue() -> None:
    assert (DOCS / "events.md").read_text("utf-8") == page(), (
        "relay hook events --markdown > docs/events.md"
    )


@pytest.mark.parametrize("type", sorted(CATALOGUE))
def test_every_example_is_what_its_schema_says(type: str) -> None:
    one = CATALOGUE[type]
    jsonschema_rs.validate(one.schema, one.example)
    assert one.about


def test_every_type_that_senders_send_can_be_asked_for() -> None:
    assert set(FACTS) <= set(CATALOGUE)
    assert {"list_item.*", "contact.*", "stream.*", "invoice.*"} <= set(nouns(CATALOGUE))


def test_the_page_of_delivery_shows_the_snippets_and_the_schedule() -> None:
    text = (DOCS / "delivery.md").read_text("utf-8")
    for snippet in SNIPPETS.values():
        assert snippet.strip() in text
    words = {3600: "h", 60: "min", 1: "s"}
    for step in STEPS:
        seconds = int(step.total_seconds())
        unit = next(size for size in words if seconds % size == 0)
        assert f" {seconds // unit} {words[unit]} |" in text


def test_what_rules_emit_is_in_the_catalogue_of_its_organization(hooked: Hooked) -> None:
    known = {one["type"]: one for one in hooked.do("GET", "/hooks/events")["data"]}
    stage = known["deal.stage_changed"]
    assert stage["origin"] == "rule"
    assert {"id", "item_id", "from", "to", "at"} <= set(stage["example"])
    refused = hooked.ask(
        "POST", "/hooks", json={"target_url": hooked.receiver.url, "event": "deal.lost_and_found"}
    )
    assert (refused.status_code, "no event" in refused.json()["message"]) == (422, True)
