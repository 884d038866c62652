"""The command line tells what happened, here and from afar."""

import json

import pytest

from tests.cli.shell import Shell

WON = "Deal Won"


@pytest.fixture
def busy(shell: Shell) -> Shell:
    """A form came in; a deal went on, then was won and booked."""
    shell.house.post("website", data={"email": "ann@example.com", "name": "Ann \x1b[31mLee"})
    shell.house.settle()
    for status in ("Proposal", WON):
        shell.house.set("Deals", "Northwind onboarding", "Status", status)
        shell.house.settle()
    return shell


def test_a_form_is_listed_with_what_became_of_it(busy: Shell) -> None:
    (row,) = busy.document("event", "list", "--source", "website")["data"]
    assert (row["type"], row["about"], row["state"]) == (
        "form.submitted", "ann@example.com", "routed",
    )  # fmt: skip
    assert row["outcomes"] == {"succeeded": 1}
    assert "1 succeeded" in busy.read("event", "list")


def test_an_event_is_told_from_arrival_to_last_step(busy: Shell) -> None:
    (row,) = busy.document("event", "list", "--source", "website")["data"]
    told = busy.read("event", "show", row["id"])
    for words in (
        "application/x-www-form-urlencoded", "passed the checks of Web form",
        "form.submitted on website", "crm.upsert_contact", "crm.create_item", "crm.post_stream",
        "event.data.email != null: held", "Led to",
    ):  # fmt: skip
        assert words in told, words


def test_what_a_sender_wrote_cannot_move_the_cursor(busy: Shell) -> None:
    (row,) = busy.document("event", "list", "--source", "website")["data"]
    assert "\x1b" not in busy.read("event", "show", row["id"])
    assert "\x1b" not in busy.read("event", "list")


def test_a_change_says_which_rules_looked_away_and_why(busy: Shell) -> None:
    rows = busy.document("event", "list", "--type", "list_item.updated")["data"]
    proposal = next(row for row in reversed(rows) if row["about"] == "Northwind onboarding")
    told = busy.read("event", "show", proposal["id"].removeprefix("evt_"))
    assert "status: Negotiation → Proposal" in told
    assert "deal-won-receipt: watches Deals · status → Deal Won; this was → Proposal" in told


def test_a_run_is_told_with_request_answer_and_key(busy: Shell) -> None:
    (run,) = busy.document("run", "list", "--rule", "deal-won-receipt")["data"]
    story = busy.document("run", "show", run["id"])
    told = busy.read("run", "show", run["id"])
    receipt = story["steps"][0]
    assert receipt["key"] in told
    assert f"{receipt['use']} (rules/deal-won.yaml:" in told
    assert "POST http://" in told
    assert "→ 200 in" in told
    assert "status: Deal Won" not in told
    assert "receipt_no: empty → " in told


def test_a_booking_is_listed_with_both_numbers(busy: Shell) -> None:
    (row,) = busy.document("booking", "list")["data"]
    assert row["number"].startswith("CRM-")
    listed = busy.read("booking", "list")
    assert row["number"] in listed
    assert row["external_number"] in listed
    assert "1250.00" in listed


def test_a_delivery_is_told_with_every_answer(busy: Shell) -> None:
    busy.house.set("Deals", "Larkspur annual plan", "Status", WON)
    busy.house.settle()
    busy.house.pay("recurly", busy.house.books("recurly")[0].id)
    busy.house.settle()
    row = busy.document("delivery", "list", "--state", "delivered")["data"][0]
    told = busy.read("delivery", "show", row["id"])
    assert f"{busy.house.base_url}/in/recurly/•••" in told
    assert "try 1" in told


@pytest.mark.parametrize("noun", ["event", "run", "delivery", "booking"])
def test_the_same_is_said_from_afar(busy: Shell, noun: str) -> None:
    assert busy.document(noun, "list", *busy.remote) == busy.document(noun, "list")
    rows = busy.document(noun, "list")["data"]
    if noun != "booking" and rows:
        id = rows[0]["id"]
        assert busy.read(noun, "show", id, *busy.remote) == busy.read(noun, "show", id)


def test_a_list_goes_on_where_its_page_ended(busy: Shell) -> None:
    every = [row["id"] for row in busy.document("event", "list")["data"]]
    page = busy.document("event", "list", "--limit", "2")
    more = busy.document("event", "list", "--limit", "200", "--cursor", page["next"])
    assert [row["id"] for row in (*page["data"], *more["data"])] == every
    assert f"--cursor {page['next']}" in busy.read("event", "list", "--limit", "2")


def test_json_is_one_document_and_nothing_else(busy: Shell) -> None:
    for words in (["event", "list"], ["run", "list"], ["source", "list"], ["key", "list"]):
        before = json.loads(busy.read("--json", *words))
        assert before == busy.document(*words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("event", "show", "evt_99999"), "there is no event evt_99999 here"),
        (("event", "show", "run_1"), "such an id begins with evt_"),
        (("event", "list", "--state", "lost"), "'lost' is no state: accepted, duplicate"),
        (("run", "list", "--cursor", "x"), "'x' is no cursor of ours"),
        (("event", "list", "--org", "Nobody"), "there is no 'Nobody' here"),
    ],
)
def test_what_cannot_be_found_is_said_in_one_line(
    shell: Shell, words: tuple[str, ...], said: str
) -> None:
    told = shell.refused(*words)
    assert said in told
    assert told.count("\n") == 1


def test_a_wrong_key_is_told_as_over_http(shell: Shell) -> None:
    wrong = ("--url", shell.house.base_url, "--key", f"{shell.house.made.key}:wrong")
    assert "authorization failed" in shell.refused("event", "list", *wrong)
    assert "KEY:SECRET" in shell.refused("event", "list", *wrong[:2])
