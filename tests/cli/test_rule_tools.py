"""`relay rules`, `run`, `event`: versions, trials, replays, cancelling; here and from afar."""

from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.scenarios.house import RULES

DEAL = "Northwind onboarding"
RECEIPT = "deal-won-receipt"


@pytest.fixture
def dearer(tmp_path: Path) -> Path:
    """The shipped rules, with one that books dear deals only."""
    folder = tmp_path / "dearer"
    folder.mkdir()
    for file in RULES.glob("*.yaml"):
        text = file.read_text().replace("item.amount > 0", "item.amount > 1000")
        (folder / file.name).write_text(text.replace("amount: 5 }", "amount: 5000 }"))
    return folder


def test_versions_are_told_compared_and_gone_back_to(shell: Shell, dearer: Path) -> None:
    first = shell.document("rules", "history")["data"][0]["set_hash"]
    second = shell.document("rules", "apply", str(dearer))["set_hash"]
    for place in ((), shell.remote):
        past = shell.document("rules", "history", RECEIPT, *place)["data"]
        assert [one["set_hash"] for one in past] == [second, first]
        found = shell.document("rules", "diff", first[:12], *place)["rules"]
        (one,) = [each for each in found if each["change"] == "changed"]
        assert "+    if: item.amount != null && item.amount > 1000" in one["diff"]
    assert "is live again" in shell.read("rules", "rollback", first[:12], *shell.remote)
    assert shell.read("rules", "diff", first[:12]) == "They are the same.\n"
    assert "no rule set 'ffff'" in shell.refused("rules", "rollback", "ffff")


def test_what_rules_would_do_is_tried_explained_and_backfilled(shell: Shell, dearer: Path) -> None:
    house = shell.house
    house.set("Deals", "Northwind onboarding", "Amount", "500")
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    (run,) = house.runs(RECEIPT)
    event = f"evt_{run.event_id}"
    words = ("rules", "dry-run", RECEIPT, "--since", "1h")
    assert shell.document(*words)["differ"] == 0
    told = shell.read(*words, "--path", str(dearer), "--fail-on-diff", status=1)
    assert f"{event}  {RECEIPT}: did succeeded (run_{run.id}), would filtered" in told
    for place in ((), shell.remote):
        assert "run_" in shell.read("rules", "explain", RECEIPT, event, *place)
        why = shell.read("rules", "explain", "invoice-paid", event, *place)
        assert "does not look at" in why
        counted = shell.document("rules", "backfill", RECEIPT, "--list", "Deals", *place)
        assert (counted["chosen"], counted["fires"], counted["begun"]) == (1, 1, None)
    begun = shell.document("rules", "backfill", RECEIPT, "--list", "Deals", "--yes", *shell.remote)
    assert begun["begun"] == 1
    house.settle()
    assert house.runs(RECEIPT)[-1].reason.startswith("already booked as")


def test_runs_and_events_are_done_again_and_ended(shell: Shell) -> None:
    house = shell.house
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    (run,) = house.runs(RECEIPT)
    id = f"run_{run.id}"
    assert "it has no failed step" in shell.refused("run", "replay", id)
    for place in ((), shell.remote):
        plan = shell.document("run", "replay", id, "--whole", *place)
        assert (plan["replayed"], plan["steps"][0]["safe"]) == (False, True)
        done = shell.document("run", "replay", id, "--whole", "--yes", *place)
        house.settle()
        assert house.runs(RECEIPT)[-1].id == int(done["as"].removeprefix("run_"))
    told = shell.read("event", "replay", f"evt_{run.event_id}", "--rule", RECEIPT, given="y\n")
    assert "nothing is booked again" in told
    house.settle()
    assert {one.state for one in house.runs(RECEIPT)} == {"succeeded"}
    assert len(house.books("quickbooks")) == 1
    assert "it is over" in shell.refused("run", "cancel", id, *shell.remote)
    shell.read("rules", "pause", RECEIPT)
    house.set("Deals", DEAL, "Status", "Lead")
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    held = house.runs(RECEIPT)[-1]
    assert held.state == "held"
    assert shell.read("run", "cancel", f"run_{held.id}") == f"run_{held.id} is cancelled.\n"
    assert "0 waiting runs" in shell.read("rules", "resume", RECEIPT)


def test_a_question_that_nobody_answers_is_no(shell: Shell) -> None:
    house = shell.house
    house.set("Deals", DEAL, "Status", "Deal Won")
    house.settle()
    (run,) = house.runs(RECEIPT)
    shell.refused("run", "replay", f"run_{run.id}", "--whole")
    assert len(house.runs(RECEIPT)) == 1
