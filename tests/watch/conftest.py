"""A watch post on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.watch.post import Post, open_post


@pytest.fixture
def post(database_url: str, tmp_path: Path) -> Iterator[Post]:
    with open_post(database_url, tmp_path / "home") as opened:
        yield opened
