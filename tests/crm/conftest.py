"""An organization with a CRM, on each database."""

import pytest

from relay.storage.database import Database
from tests.crm.office import Clock, Office, open_office


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(db: Database, clock: Clock) -> Office:
    """The first organization, as it is found on an empty home."""
    return open_office(db, clock)
