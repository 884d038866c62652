"""The application with two organizations, on each database."""

from pathlib import Path

import pytest

from relay.storage.database import Database
from tests.web.house import House, build


@pytest.fixture
def house(db: Database, tmp_path: Path) -> House:
    """`acme` and `rival` know nothing of each other."""
    made = build(db, tmp_path)
    made.organization("acme")
    made.organization("rival")
    return made
