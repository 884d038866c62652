"""The command line over a whole Relay."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Shell, open_shell


@pytest.fixture
def shell(database_url: str, tmp_path: Path) -> Iterator[Shell]:
    with open_shell(database_url, tmp_path / "home") as opened:
        yield opened
