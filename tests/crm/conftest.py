"""An organization with a CRM, on each database."""

import pytest
from sqlalchemy import insert

from relay.crm.embedded import EmbeddedCRM, first
from relay.storage.database import Database
from relay.storage.tables.identity import organizations
from tests.crm.office import NOW, ORG, OWNER, Clock, Office, add_user


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def office(db: Database, clock: Clock) -> Office:
    """The first organization, as it is found on an empty home."""
    crm = EmbeddedCRM(db=db, clock=clock, record=lambda _conn, _changes: None)
    with db.write() as conn:
        conn.execute(
            insert(organizations),
            {"id": ORG, "name": "Acme", "is_test": True, "settings": {}, "created_at": NOW},
        )
        add_user(conn, ORG, OWNER, "Bea Ortiz", "bea@example.com")
        first.seed(conn, ORG, OWNER, NOW)
    return Office(db=db, clock=clock, crm=crm)
