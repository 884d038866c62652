"""Nothing that is asked for by id, address or account reads a whole table, however large it is."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from relay.crm.embedded import accounts, contacts, items, pages, stream
from relay.crm.embedded.pages import Page
from relay.storage.database import Database
from tests import stores
from tests.crm.office import ORG

ID = "5f00aa22e4b0c0ffee000002"
SOME = [ID, "5f00aa22e4b0c0ffee000003"]
ASKED: dict[str, Callable[[Connection], object]] = {
    "items by id": lambda c: items.read(c, ORG, SOME),
    "items held": lambda c: items.lock(c, ORG, SOME),
    "items of contacts": lambda c: items.of_contacts(c, ORG, ID, SOME),
    "items of accounts": lambda c: items.of_accounts(c, ORG, ID, SOME),
    "items made by": lambda c: items.made_by(c, ORG, SOME),
    "contacts on items": lambda c: items.on_items(c, ORG, SOME),
    "contacts by id": lambda c: contacts.read(c, ORG, SOME),
    "contacts held": lambda c: contacts.lock(c, ORG, SOME),
    "contacts by address": lambda c: contacts.by_email(c, ORG, ["a@b.example"]),
    "contacts absorbed": lambda c: contacts.absorbed(c, ORG, SOME),
    "survivors": lambda c: contacts.survivors(c, ORG, SOME),
    "accounts by id": lambda c: accounts.read(c, ORG, SOME),
    "accounts held": lambda c: accounts.lock(c, ORG, SOME),
    "accounts by name": lambda c: accounts.lock_named(c, ORG, ["acme"]),
    "page of contacts by id": lambda c: pages.of_contacts(c, ORG, Page(ids=SOME)),
    "page by address": lambda c: pages.of_contacts(c, ORG, Page(), email="a@b.example"),
    "page by number": lambda c: pages.of_contacts(c, ORG, Page(), phones=["1415"]),
    "page of accounts by id": lambda c: pages.of_accounts(c, ORG, Page(ids=SOME)),
    "page of items by id": lambda c: pages.of_items(c, ORG, ID, Page(ids=SOME)),
    "page of items by contact": lambda c: pages.of_items(c, ORG, ID, Page(), contact_ids=SOME),
    "page of items by account": lambda c: pages.of_items(c, ORG, ID, Page(), account_ids=SOME),
    "stream of an item": lambda c: stream.of_item(c, ORG, ID),
    "stream of a person": lambda c: stream.of_contact(c, ORG, ID),
    "stream of an account": lambda c: stream.of_account(c, ORG, ID),
}
TABLES = ("contacts", "items", "accounts", "stream_entries")
# How a plan of SQLite says that it goes through all that an organization, or a list, has.
WHOLE = ("(org_id=?)", "(org_id=? AND state=?)", "(org_id=? AND list_id=?)", "(rowid<?)")


@pytest.fixture
def lite(sqlite: stores.SQLite, tmp_path: Path) -> Iterator[Database]:
    """SQLite alone: PostgreSQL chooses by statistics."""
    with sqlite.database(tmp_path, tables=True) as url:
        database = Database(url)
        yield database
        database.close()


def test_what_is_asked_for_is_looked_up(lite: Database) -> None:
    for what, ask in ASKED.items():
        with lite.read() as conn, asked(conn) as statements:
            ask(conn)
            for statement, given in list(statements):
                plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
                for step in [row[3] for row in plan]:
                    assert not reads_all(step), (what, step, statement)


def reads_all(step: str) -> bool:
    """Whether a step of a plan goes through all that a table, organization or list has."""
    return any(
        step.startswith(f"SCAN {table}") or (f" {table} " in step and step.endswith(WHOLE))
        for table in TABLES
    )


@contextmanager
def asked(conn: Connection) -> Iterator[list[tuple[str, Any]]]:
    """The questions that are asked meanwhile."""
    found: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, given: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            found.append((statement, given))

    event.listen(conn, "before_cursor_execute", note)
    yield found
    event.remove(conn, "before_cursor_execute", note)
