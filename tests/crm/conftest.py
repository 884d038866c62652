"""An organization with a CRM, on each database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.storage.database import Database
from tests.crm.office import Clock, Office, first_office, open_office
from tests.stores import Store


@pytest.fixture
def database_url(store: Store, tmp_path: Path) -> Iterator[str]:
    """A store with the first organization, as it is found on an empty home."""
    with store.copy(tmp_path, first_office) as (url, _):
        yield url


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(db: Database, clock: Clock) -> Office:
    return open_office(db, clock)
