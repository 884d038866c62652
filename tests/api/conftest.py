"""A Relay with the first organization and a rival that must see nothing of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.desk import Desk, open_desk


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(database_url, tmp_path / "home") as opened:
        yield opened
