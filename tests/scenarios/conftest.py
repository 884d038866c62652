"""A whole Relay for each scenario, once on SQLite and once on PostgreSQL; on SQLite alone where the
scenario has no statement of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.house import House, house_on
from tests.stores import SQLite, Store


@pytest.fixture
def house(store: Store, tmp_path: Path) -> Iterator[House]:
    with house_on(store, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def one_house(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """One Relay for all scenarios of a file: each uses sources, people and deals of its own."""
    folder = tmp_path_factory.mktemp("one-house")
    with house_on(request.getfixturevalue(request.param), folder) as opened:
        yield opened


@pytest.fixture
def small_house(sqlite: SQLite, tmp_path: Path) -> Iterator[House]:
    with house_on(sqlite, tmp_path) as opened:
        yield opened
