"""A whole Relay for each scenario, once on SQLite and once on PostgreSQL; on SQLite alone where the
scenario has no statement of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.house import House, open_house
from tests.stores import SQLite


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    with open_house(database_url, tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def one_house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """One Relay for all scenarios of a file: each uses sources, people and deals of its own."""
    folder = tmp_path_factory.mktemp("one-house")
    store = request.getfixturevalue(request.param)
    with store.database(folder, tables=True) as url, open_house(url, folder / "home") as opened:
        yield opened


@pytest.fixture
def small_house(sqlite: SQLite, tmp_path: Path) -> Iterator[House]:
    with (
        sqlite.database(tmp_path, tables=True) as url,
        open_house(url, tmp_path / "home") as opened,
    ):
        yield opened
