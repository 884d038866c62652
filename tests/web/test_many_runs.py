"""Runs that are ticked in the list, or all that match: what would happen is said, then it does."""

import csv
import io
from datetime import timedelta

from sqlalchemy import insert, select, update

from relay.core.ids import number, public
from relay.storage.tables.runs import runs
from tests.web.house import NOW, Browser, House
from tests.web.records import Records


def failed(house: House, acme: Records, *, state: str = "failed", count: int = 3) -> list[str]:
    """As many runs like the one there is, newest first."""
    made = []
    with house.runtime.db.write() as conn:
        like = conn.execute(select(runs).where(runs.c.id == number("run", acme.run))).one()
        for n in range(count):
            values = {**like._mapping, "state": state, "settled": None, "reason": f"=no {n}",
                      "created_at": NOW}  # fmt: skip
            del values["id"]
            made.append(conn.execute(insert(runs).values(values).returning(runs.c.id)).scalar_one())
    return [public("run", id) for id in reversed(made)]


def states(house: House, ids: list[str]) -> set[str]:
    with house.runtime.db.read() as conn:
        rows = conn.execute(
            select(runs.c.state).where(runs.c.id.in_([number("run", i) for i in ids]))
        )
        return set(rows.scalars())


def sheet(browser: Browser, query: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(browser.page(f"/runs.csv?{query}"))))


def test_runs_that_are_ticked_are_done_again_after_it_was_said_what_that_does(
    house: House, acme: Records
) -> None:
    ids = failed(house, acme)
    browser = house.signed_in("acme", "operator")
    told = browser.page(f"/runs/chosen?do=replay&run={ids[0]}&run={ids[1]}")
    assert "Replay 2 runs" in told
    assert "Sales receipt" in told
    assert browser.send("/runs/chosen", do="replay", run=ids[:2]).status_code == 303
    assert "2 of 2 are done again." in browser.page("/runs")
    with house.runtime.db.read() as conn:
        made = conn.execute(select(runs.c.replay_of).where(runs.c.replay_of.is_not(None))).scalars()
        assert {public("run", id) for id in made} | _reopened(house, ids) >= set(ids[:2])


def _reopened(house: House, ids: list[str]) -> set[str]:
    return {id for id in ids if states(house, [id]) == {"waiting"}}


def test_all_that_match_are_cancelled_and_others_are_not(house: House, acme: Records) -> None:
    waiting = failed(house, acme, state="held")
    others = failed(house, acme)
    browser = house.signed_in("acme", "operator")
    told = browser.page("/runs/chosen?do=cancel&all=yes&state=held")
    assert "Cancel 3 runs" in told
    assert all(f'value="{id}"' in told for id in waiting)
    browser.send("/runs/chosen", do="cancel", run=waiting)
    assert states(house, waiting) == {"cancelled"}
    assert states(house, others) == {"failed"}


def test_a_file_has_the_ticked_ones_or_all_that_match(house: House, acme: Records) -> None:
    ids = failed(house, acme)
    browser = house.signed_in("acme", "viewer")
    assert [row["id"] for row in sheet(browser, f"run={ids[1]}")] == [ids[1]]
    all_of_them = sheet(browser, "state=failed&all=yes")
    assert [row["id"] for row in all_of_them] == ids
    assert all_of_them[0]["reason"].lstrip("'") == "=no 2"
    assert not all_of_them[0]["reason"].startswith("=")  # a spreadsheet would take it for a formula


def test_runs_of_another_organization_cannot_be_chosen(
    house: House, acme: Records, rival: Records
) -> None:
    theirs = rival.run
    browser = house.signed_in("acme", "operator")
    assert "Careful" not in browser.page(f"/runs/chosen?do=replay&run={theirs}")
    assert sheet(browser, f"run={theirs}") == []
    before = states(house, [theirs])
    browser.send("/runs/chosen", do="cancel", run=[theirs])
    browser.send("/runs/chosen", do="replay", run=[theirs])
    assert states(house, [theirs]) == before


def test_dead_letters_show_when_in_the_last_day_each_cause_came(
    house: House, acme: Records
) -> None:
    ids = failed(house, acme)
    with house.runtime.db.write() as conn:
        for id, hours in zip(ids, (1, 5, 30), strict=True):
            values = {"created_at": house.clock.now() - timedelta(hours=hours), "reason": "no"}
            conn.execute(update(runs).where(runs.c.id == number("run", id)).values(values))
    text = house.signed_in("acme").page("/dead")
    assert "2 in the last 24 hours, 1 of them in the last two" in text
