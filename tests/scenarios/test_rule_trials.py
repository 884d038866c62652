"""Rules are tried on what happened before they go live, explained, and run on items that are there
already."""

import pytest

from relay.core.errors import InvalidInput, NotFound
from relay.pipeline import backfill, rules, trace
from relay.pipeline.backfill import Asked as Items
from relay.pipeline.dry_run import Asked, dry_run
from rules.engine import Rule
from tests.scenarios.house import HOUR, RULES, House

DEAL = "Northwind onboarding"
RECEIPT = "deal-won-receipt"
LATELY = Asked(since=HOUR)


def working_copy(house: House, *changes: tuple[str, str]) -> tuple[Rule, ...]:
    texts = rules.texts_in(RULES)
    for old, new in changes:
        assert old in texts["rules/deal-won.yaml"]
        texts["rules/deal-won.yaml"] = texts["rules/deal-won.yaml"].replace(old, new)
    return rules.check(house.runtime, house.made.org, texts).rules


def test_a_dry_run_shows_what_would_have_run_beside_what_did(house: House) -> None:
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.set("Deals", "Larkspur annual plan", "Status", "Deal Won")
    house.post("website", data={"email": "ann@example.com"})
    house.settle()
    before = len(house.events())
    same = dry_run(house.runtime, house.made.org, working_copy(house), None, LATELY)
    assert (same["differ"], {line["differs"] for line in same["data"]}) == (0, {False})
    mine = next(line for line in same["data"] if line["rule"] == RECEIPT)
    assert mine["would"]["actions"][0]["use"] == "quickbooks.sales_receipt"
    dearer = working_copy(house, ("item.amount > 0", "item.amount > 5000"))
    found = dry_run(house.runtime, house.made.org, dearer, None, LATELY)
    (other,) = [line for line in found["data"] if line["differs"]]
    assert (other["rule"], other["did"]["ends"], other["would"]["ends"]) == (
        RECEIPT, "succeeded", "filtered",
    )  # fmt: skip
    reworded = working_copy(house, ("Sales receipt ${steps", "Receipt ${steps"))
    live = working_copy(house)
    found = dry_run(house.runtime, house.made.org, reworded, live, LATELY)
    (other,) = [line for line in found["data"] if line["differs"]]
    assert '+      "body": "Receipt' in other["diff"]
    with pytest.raises(NotFound):
        dry_run(house.runtime, house.made.org, live, None, Asked(since=HOUR, rule="nobody"))
    house.settle()
    assert len(house.events()) == before, "nothing was done and nothing written"


def test_a_rule_is_explained_for_one_event(house: House) -> None:
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    (run,) = house.runs(RECEIPT)
    ran = trace.trace(house.runtime, house.made.org, RECEIPT, run.event_id)
    assert ran["run"]["id"] == f"run_{run.id}"
    looked = trace.trace(house.runtime, house.made.org, "invoice-paid", run.event_id)
    assert looked["looks"] is False
    assert looked["why"].startswith("it watches invoice.paid on quickbooks")
    text = (RULES / "deal-won.yaml").read_text().replace(RECEIPT, "second-look")
    rules.apply(house.runtime, house.made.org, {"rules/second.yaml": text}, by="me")
    would = trace.trace(house.runtime, house.made.org, "second-look", run.event_id)["would"]
    assert would["ends"] == "succeeded"
    assert [clause["held"] for clause in would["clauses"]] == [True, True, True]
    assert would["actions"][0]["use"] == "quickbooks.sales_receipt"


def test_a_backfill_counts_first_and_does_each_item_once(house: House) -> None:
    texts = rules.texts_in(RULES)
    rules.apply(
        house.runtime, house.made.org, {"rules/publish.yaml": texts["rules/publish-stage.yaml"]},
        by="me",
    )  # fmt: skip
    for deal in (DEAL, "Granite workshop"):
        house.set("Deals", deal, "Status", "Deal Won")
    house.settle()
    rules.apply(house.runtime, house.made.org, texts, by="me")
    asked = Items(rule=RECEIPT, list="Deals", where="item.name != 'nobody'")
    told = backfill.count(house.runtime, house.made.org, asked)
    assert (told["items"], told["chosen"], told["names"]) == (len(house.deals()), 2, [DEAL])
    assert house.runs(RECEIPT) == []
    for begun in (1, 0):
        made = backfill.begin(house.runtime, house.made.org, asked, by="me")
        house.settle()
        assert made["begun"] == begun
    (run,) = house.runs(RECEIPT)
    assert (run.state, run.about) == ("succeeded", DEAL)
    assert len(house.books("quickbooks")) == 1
    parents = [one for one in house.events(kind="tick") if one.okey is None]
    assert house.outcome(parents[0].id).reason == f"1 of {told['items']} items of Deals"
    with pytest.raises(InvalidInput, match="has no trigger for items of Leads"):
        backfill.count(house.runtime, house.made.org, Items(rule=RECEIPT, list="Leads"))
    with pytest.raises(InvalidInput, match="not true or false"):
        backfill.count(house.runtime, house.made.org,
                       Items(rule=RECEIPT, list="Deals", where="item.name"))  # fmt: skip
