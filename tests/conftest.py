"""What tests stand on: both databases, a real broker, and a plain word on what could not run.

db            an empty store with every table, once on SQLite and once on PostgreSQL
database_url  the same, as an address
empty_url     the same without tables, for migrations
valkey        a real broker's address as redis-py spells it; emptied for each test
chromium      the path of a real browser
browser       a real browser, shared by the tests of a file
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from relay.storage.database import Database
from tests import stores

# How long one example takes says how busy the machine is.
settings.register_profile("relay", deadline=None, max_examples=60)
settings.load_profile("relay")

pytest_plugins = ["tests.report"]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[stores.PostgreSQL]:
    """A server of the tests' own, or the one that RELAY_TEST_POSTGRES names."""
    given = os.environ.get("RELAY_TEST_POSTGRES")
    with stores.given(given) if given else stores.started() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> stores.SQLite:
    return stores.SQLite(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> stores.Store:
    """Makes databases of one kind: once SQLite, once PostgreSQL."""
    found: stores.Store = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def empty_url(store: stores.Store, tmp_path: Path) -> Iterator[str]:
    with store.database(tmp_path, tables=False) as url:
        yield url


@pytest.fixture
def database_url(store: stores.Store, tmp_path: Path) -> Iterator[str]:
    with store.database(tmp_path, tables=True) as url:
        yield url


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Path]:
    """The socket of a broker that all tests share."""
    with stores.valkey() as socket:
        yield socket


@pytest.fixture
def valkey(valkey_server: Path) -> str:
    stores.flush(valkey_server)
    return f"unix://{valkey_server}"


@pytest.fixture(scope="session")
def chromium() -> str:
    return stores.chromium()


# Not for the whole session: while it is open, this thread has a running event loop.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    alone = ["--no-sandbox"] if os.getuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=alone)
        yield opened
        opened.close()
