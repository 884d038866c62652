"""Several runs at once at /api/v1: what a key may choose, and what it is told."""

from typing import Any

from tests.api.desk import Desk


def post(desk: Desk, path: str, status: int = 200, **request: Any) -> Any:
    answer = desk.ask("POST", path, **request)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json()


def ids_of(desk: Desk) -> list[str]:
    return [run["id"] for run in desk.get("/runs")["data"]]


def test_runs_of_another_organization_are_not_there(desk: Desk) -> None:
    desk.everything()
    ids = ids_of(desk)
    for path in ("/runs/replay", "/runs/cancel"):
        told = post(desk, path, json={"runs": ids, "begin": True}, auth=desk.rival)
        assert (told["chosen"], told["begun"]) == (0, [])
        assert sorted(told["refused"]) == sorted(f"there is no run {id} here" for id in ids)
    assert desk.ask("GET", f"/export/runs?runs={ids[0]}", auth=desk.rival).get_data() == b""
    assert ids_of(desk) == ids


def test_a_key_of_some_lists_names_the_runs_that_it_sees(desk: Desk) -> None:
    desk.everything()
    narrow = desk.new_key(lists=["Deals"])
    seen = [run["id"] for run in desk.get("/runs", auth=narrow)["data"]]
    assert 0 < len(seen) < len(ids_of(desk))
    told = post(desk, "/runs/replay", json={"runs": ids_of(desk)}, auth=narrow)
    assert told["chosen"] == len(seen)
    assert len(told["refused"]) == len(ids_of(desk)) - len(seen)
    post(desk, "/runs/replay", 403, json={"state": "succeeded"}, auth=narrow)
    lines = desk.ask("GET", "/export/runs", auth=narrow).get_data(as_text=True).splitlines()
    assert len(lines) == len(seen)


def test_doing_many_again_is_one_note_and_books_nothing_twice(desk: Desk) -> None:
    desk.everything()
    booked = desk.get("/bookings")["data"]
    asked = {"state": "succeeded", "what": "whole", "begin": True}
    done = post(desk, "/runs/replay", json=asked, headers={"Idempotency-Key": "once"})
    assert len(done["begun"]) == done["matching"] > 1
    assert post(desk, "/runs/replay", json=asked, headers={"Idempotency-Key": "once"}) == done
    desk.house.settle()
    assert [one["number"] for one in desk.get("/bookings")["data"]] == [
        one["number"] for one in booked
    ]
    notes = [
        one for one in desk.get("/audit?limit=200")["data"] if one["action"] == "runs replayed"
    ]
    assert [note["subject"] for note in notes] == [f"{len(done['begun'])} runs"]
    assert post(desk, "/runs/replay", json={**asked, "limit": 1})["matching"] > 0, "the new ones"


def test_what_cannot_be_meant_is_refused(desk: Desk) -> None:
    for path, body in (
        ("/runs/replay", {}),
        ("/runs/replay", {"runs": ["run_1"], "rule": "x"}),
        ("/runs/replay", {"state": "running"}),
        ("/runs/cancel", {"state": "failed"}),
        ("/runs/cancel", {"runs": [f"run_{n}" for n in range(201)]}),
        ("/runs/cancel", {"runs": []}),
    ):
        post(desk, path, 422, json=body)
