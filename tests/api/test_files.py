"""Files over `/api/v1`: refused by line, told as they come in, made once."""

import json
from collections.abc import Iterator

import pytest

from tests.api.desk import Desk, open_desk
from tests.stores import SQLite

PEOPLE = "email,name\ncy@acme.test,Cy\ndi@acme.test,Di\n"
BROKEN = "email,name\nann@acme.test,Ann\n,Nobody\nno address,Bo\n"
CSV = {"content_type": "text/csv"}


@pytest.fixture(scope="module")
def desk(sqlite: SQLite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One for all; that files come in on both databases is tested at the command line."""
    with open_desk(sqlite, tmp_path_factory.mktemp("files")) as opened:
        yield opened


def test_a_file_that_is_sent_twice_is_brought_in_once(desk: Desk) -> None:
    first = desk.ask("POST", "/import/contacts", data=PEOPLE, **CSV)
    assert first.status_code == 200
    told = first.get_json()
    assert (told["lines"], told["created"], told["stored"], told["bad"]) == (2, 2, True, [])
    again = desk.ask("POST", "/import/contacts", data=PEOPLE, **CSV).get_json()
    assert (again["created"], again["same"]) == (0, 2)
    assert "cy@acme.test" in desk.ask("GET", "/export/contacts?format=csv").get_data(as_text=True)


def test_a_file_with_bad_lines_is_refused_by_line_unless_they_are_left_out(desk: Desk) -> None:
    refused = desk.ask("POST", "/import/contacts", data=BROKEN, **CSV)
    assert refused.status_code == 422
    error = refused.get_json()["error"]
    assert error["message"] == "2 of 3 lines are bad; nothing was stored"
    assert [*error["fields"]] == ["line 3", "line 4"]
    assert "is not an e-mail address" in error["fields"]["line 4"][0]
    checked = desk.ask("POST", "/import/contacts?check=yes", data=BROKEN, **CSV).get_json()
    assert (checked["stored"], [one["line"] for one in checked["bad"]]) == (False, [3, 4])
    left = desk.ask("POST", "/import/contacts?skip_bad=yes", data=BROKEN, **CSV).get_json()
    assert (left["created"], left["bad_lines"], left["stored"]) == (1, 2, True)


def test_a_long_file_tells_how_far_it_is(desk: Desk) -> None:
    deals = next(one for one in desk.get("/lists")["data"] if one["title"] == "Deals")["id"]
    lines = "\n".join(json.dumps({"name": f"Deal {n}", "amount": n}) for n in range(600))
    answer = desk.ask("POST", f"/import/lists/{deals}/items", data=lines,
                      headers={"Accept": "application/x-ndjson"})  # fmt: skip
    *steps, report = [json.loads(line) for line in answer.get_data().splitlines()]
    assert [(one["step"], one["lines"], one["of"]) for one in steps] == [
        ("checked", 500, None), ("checked", 600, None), ("stored", 500, 600), ("stored", 600, 600),
    ]  # fmt: skip
    assert (report["created"], report["stored"]) == (600, True)


def test_a_key_brings_items_into_the_lists_that_it_sees_alone(desk: Desk) -> None:
    lists = {one["title"]: one["id"] for one in desk.get("/lists")["data"]}
    narrow = desk.new_key(lists=[lists["Leads"]])
    path = f"/import/lists/{lists['Deals']}/items"
    assert desk.ask("POST", path, data="{}", auth=narrow).status_code == 404
