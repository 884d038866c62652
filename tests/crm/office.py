"""An organization with a CRM in a test's hands: operations that read as sentences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection, insert, text

from relay.core.ids import record_id
from relay.crm.changes import Change, Created, Record, Wanted, wanted_always
from relay.crm.embedded import EmbeddedCRM, first, items, records
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.schema import Schema, schema
from relay.crm.port import Author, Done, Operation, Result
from relay.storage.database import Database
from relay.storage.tables.identity import organizations, users

T = TypeVar("T")
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
OWNER = record_id(NOW)
RULE = Author(kind="rule", ref="deal-won", run=7)
ORG = 1


@dataclass(slots=True)
class Clock:
    """Stands still until it is moved."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def move(self, **by: int) -> None:
        self.at += timedelta(**by)


@dataclass(slots=True, kw_only=True)
class Office:
    """An organization's embedded CRM in a test's hands."""

    db: Database
    clock: Clock
    crm: EmbeddedCRM
    org: int = ORG
    changes: list[Change | Created] = field(default_factory=list)
    wanted: Wanted = wanted_always

    def do(self, verb: str, *, item: str | None = None, key: str = "", **params: object) -> Done:
        """One operation that must succeed."""
        (result,) = self.results([self.operation(verb, item=item, key=key, **params)])
        if not isinstance(result, Done):
            raise result
        return result

    def operation(
        self, verb: str, *, item: str | None = None, key: str = "", **params: object
    ) -> Operation:
        return Operation(org=self.org, verb=verb, params=params, author=RULE, key=key, item=item)

    def results(self, operations: Sequence[Operation]) -> list[Result]:
        """One transaction; what it changed stands in `changes` afterwards."""
        self.changes = []
        with self.db.write() as conn:
            return self.crm.apply(conn, operations, self.changes, wanted=self.wanted)

    def read(self, question: Callable[[Connection], T]) -> T:
        with self.db.read() as conn:
            return question(conn)

    @property
    def schema(self) -> Schema:
        return self.read(lambda conn: schema(conn, self.org))

    def record(self, item_id: str) -> Record:
        """An item as rules read it, now."""

        def question(conn: Connection) -> Record:
            desk = Desk(conn=conn, org=self.org, now_ms=0)
            (found,) = records.records(desk, list(items.read(conn, self.org, [item_id]).values()))
            return found

        return self.read(question)

    def item(self, list_title: str, name: str) -> str:
        """The id of an item by its name."""
        query = text(
            "SELECT i.id FROM items i JOIN lists l ON l.id = i.list_id"
            " WHERE i.org_id = :org AND l.title = :title AND i.name = :name"
        )
        given = {"org": self.org, "title": list_title, "name": name}
        return str(self.read(lambda conn: conn.execute(query, given).scalar_one()))


def add_user(conn: Connection, org: int, id: str, name: str, email: str) -> None:
    """A person of the organization."""
    row = {"id": id, "org_id": org, "name": name, "email": email, "role": "owner"}
    conn.execute(insert(users), {**row, "created_at": NOW})


def first_office(database_url: str) -> None:
    """Makes the first organization."""
    db = Database(database_url, pool=1)
    with db.write() as conn:
        conn.execute(
            insert(organizations),
            {"id": ORG, "name": "Acme", "is_test": True, "settings": {}, "created_at": NOW},
        )
        add_user(conn, ORG, OWNER, "Bea Ortiz", "bea@example.com")
        first.seed(conn, ORG, OWNER, NOW)
    db.close()


def open_office(db: Database, clock: Clock) -> Office:
    """The first organization in its store."""
    crm = EmbeddedCRM(db=db, clock=clock, record=lambda _conn, _changes: None)
    return Office(db=db, clock=clock, crm=crm)
