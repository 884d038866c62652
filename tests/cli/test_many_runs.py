"""Several runs at once, here and from afar: what would happen is said first."""

import csv
import io

import pytest

from relay.pipeline import rules
from tests.cli.shell import Shell
from tests.scenarios.test_failures import BROKEN, DEALS


@pytest.fixture
def broken(shell: Shell) -> Shell:
    """Three runs have failed at a rule that is mended since."""
    house = shell.house
    rules.apply(house.runtime, house.made.org, {"rules/note.yaml": BROKEN}, by="ann")
    for deal in DEALS:
        house.set("Deals", deal, "Status", "Deal Won")
    house.settle()
    mended = {"rules/note.yaml": BROKEN.replace('item: "no-such-item", ', "")}
    rules.apply(house.runtime, house.made.org, mended, by="ann")
    return shell


def states(shell: Shell) -> list[str]:
    return [run.state for run in shell.house.runs("note-it")]


def test_what_failed_is_done_again_by_a_filter_and_only_once(broken: Shell) -> None:
    words = ("run", "replay", "--rule", "note-it", "--current")
    plan = broken.document(*words, "--first", "2")
    assert (plan["matching"], plan["chosen"], plan["begun"]) == (3, 2, None)
    assert plan == broken.document(*words, "--first", "2", *broken.remote)
    assert [(step["id"], step["times"]) for step in plan["steps"]] == [("note", 2), ("step_2", 2)]
    assert states(broken) == ["failed"] * 3, "it was only said"

    assert "2 runs are under way" in broken.read(*words, "--first", "2", given="y\n")
    done = broken.document(*words, "--yes", *broken.remote)
    assert (done["chosen"], len(done["begun"]), done["refused"]) == (1, 1, [])
    broken.house.settle()
    assert states(broken) == ["failed"] * 3 + ["succeeded"] * 3
    again = broken.document(*words, "--yes")
    assert (again["matching"], again["begun"]) == (0, [])
    ids = [f"run_{run.id}" for run in broken.house.runs("note-it")][:2]
    named = broken.document("run", "replay", *ids, "--current", "--yes", *broken.remote)
    assert named["begun"] == []
    assert all("was done again already, as run_" in why for why in named["refused"])


def test_what_waits_is_ended_by_a_filter(broken: Shell) -> None:
    broken.document("run", "replay", "--rule", "note-it", "--yes")
    plan = broken.document("run", "cancel", "--rule", "note-it")
    assert (plan["chosen"], plan["begun"]) == (3, None)
    done = broken.document("run", "cancel", "--rule", "note-it", "--yes", *broken.remote)
    assert len(done["begun"]) == 3
    assert states(broken) == ["cancelled"] * 3
    named = broken.read("run", "cancel", *done["begun"], "--yes")
    assert named.startswith("0 runs are cancelled.")
    assert "is cancelled: it is over" in named


def test_runs_are_written_to_a_file(broken: Shell) -> None:
    here = broken.read("run", "export", "--state", "failed")
    rows = list(csv.DictReader(io.StringIO(here)))
    assert [row["state"] for row in rows] == ["failed"] * 3
    assert broken.read("run", "export", "--state", "failed", *broken.remote) == here
    ids = [row["id"] for row in rows]
    named = broken.document("run", "export", ids[1], *broken.remote)
    assert [row["id"] for row in named["data"]] == [ids[1]]
    assert broken.document("run", "export", "--since", "2999-01-01")["data"] == []


def test_it_must_be_said_which(shell: Shell) -> None:
    for words in (("run", "replay"), ("run", "cancel", "run_1", "--rule", "x"), ("run", "cancel")):
        assert "name runs, or say which by a filter" in shell.refused(*words, status=2)
    assert "cannot be chosen for this" in shell.refused("run", "cancel", "--state", "failed")
    assert "'lost' is no state" in shell.refused("run", "replay", "--state", "lost")
