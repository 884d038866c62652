"""The command line over a whole Relay."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Shell, open_shell
from tests.stores import Store


@pytest.fixture
def shell(store: Store, tmp_path: Path) -> Iterator[Shell]:
    with open_shell(store, tmp_path) as opened:
        yield opened
