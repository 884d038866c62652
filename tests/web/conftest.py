"""The application with two organizations, on each database."""

from pathlib import Path

import pytest

from relay.storage.database import Database
from tests.web.house import House, build
from tests.web.records import Records, fill


@pytest.fixture
def house(db: Database, tmp_path: Path) -> House:
    """`acme` and `rival` know nothing of each other."""
    made = build(db, tmp_path)
    made.organization("acme")
    made.organization("rival")
    return made


@pytest.fixture
def acme(house: House) -> Records:
    """What acme has."""
    return fill(house, "acme", "Hollis")


@pytest.fixture
def rival(house: House) -> Records:
    """What rival has, and acme must never see."""
    return fill(house, "rival", "Verrall")
