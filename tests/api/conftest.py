"""A Relay with the first organization and a rival that must see nothing of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.desk import Desk, open_desk
from tests.stores import Store


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Iterator[Desk]:
    with open_desk(store, tmp_path) as opened:
        yield opened
