"""The application with two organizations, on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.storage.database import Database
from tests.stores import Store
from tests.web.house import House, acme_and_rival, build
from tests.web.records import Records, fill


@pytest.fixture
def peopled(store: Store, tmp_path: Path) -> Iterator[tuple[str, dict[str, int]]]:
    with store.copy(tmp_path, acme_and_rival) as made:
        yield made


@pytest.fixture
def database_url(peopled: tuple[str, dict[str, int]]) -> str:
    return peopled[0]


@pytest.fixture
def house(peopled: tuple[str, dict[str, int]], db: Database, tmp_path: Path) -> House:
    """`acme` and `rival` know nothing of each other."""
    made = build(db, tmp_path)
    made.orgs.update(peopled[1])
    return made


@pytest.fixture
def acme(house: House) -> Records:
    """What acme has."""
    return fill(house, "acme", "Hollis")


@pytest.fixture
def rival(house: House) -> Records:
    """What rival has, and acme must never see."""
    return fill(house, "rival", "Verrall")
