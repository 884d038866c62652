"""T3 on the embedded stores, in real processes: a worker is killed between request and record. The
same on PostgreSQL, with everything that can go wrong: `test_failure_classes.py`."""

from pathlib import Path

import pytest

from tests.scenarios.house import open_house
from tests.scenarios.killed import SALES, Site
from tests.stores import SQLite

pytestmark = pytest.mark.processes


def test_a_worker_killed_between_request_and_record_books_each_deal_once(
    sqlite: SQLite, tmp_path: Path, valkey_server: Path
) -> None:
    home = tmp_path / "home"
    with (
        sqlite.database(tmp_path, tables=True) as url,
        open_house(url, home, f"unix://{valkey_server}") as house,
    ):
        site = Site(house, home, valkey_server)
        for provider in SALES:
            site.deals(provider, ["slow"])
        for case in site.cases:
            site.plan(case, late=True)
        with site.worker():
            site.send_all(site.cases)
            assert [len(house.books(provider)) for provider in SALES] == [1, 1, 1]
        with site.worker():
            site.end_all(site.cases)
        assert [len(house.books(provider)) for provider in SALES] == [1, 1, 1]
        for row in house.bookings():
            assert [one.outcome for one in house.attempts(row.run_id)] == ["found"]
