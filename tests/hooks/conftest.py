"""A whole Relay and a subscriber. Most of it says nothing about the database: those tests run on
SQLite alone, and `desk` on both is for what storage decides."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hooks.hooked import Hooked, open_hooked
from tests.hooks.receiver import Receiver, receiving
from tests.stores import SQLite, Store


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


@pytest.fixture
def hooked(sqlite: SQLite, tmp_path: Path, receiver: Receiver) -> Iterator[Hooked]:
    with open_hooked(sqlite, tmp_path, receiver) as one:
        yield one


@pytest.fixture
def both(store: Store, tmp_path: Path, receiver: Receiver) -> Iterator[Hooked]:
    with open_hooked(store, tmp_path, receiver) as one:
        yield one
