"""Claim, lease, fence, retry: one way for every kind of work, on both databases."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from functools import lru_cache

from sqlalchemy import (
    Connection,
    Select,
    TextClause,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)

from relay.storage.database import Database
from relay.storage.sets import among_numbers, numbers
from relay.storage.statements import POSTGRESQL, SQLITE, Statements
from relay.storage.tables.work import dead
from relay.storage.tables.work import work as table

CHUNK = 64
_AT_ONCE = 1000  # ids in one statement
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # due on whatever clock
GRACE = 1.0  # seconds a row is left to its own wake-up before the sweep takes it


class Kind(IntEnum):
    """What a row of `work` asks for; its id is a row of the noun's own table."""

    EVENT = 1
    COMPLETION = 2
    RUN = 3
    DELIVERY = 4
    WATCH = 5
    MAIL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A claimed row; `attempts` counts this claim too. `is_late`: it was due for longer than a
    wake-up takes."""

    id: int
    org: int
    okey: int | None
    attempts: int
    is_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWork:
    """A row to be done: ordered after older rows of its `okey`, at `target` where it calls one."""

    id: int
    org: int
    okey: int | None = None
    target: int | None = None
    lane: int = 0


def claim(
    db: Database, kind: Kind, ids: Sequence[int], *, seconds: float, token: int
) -> list[Lease]:
    """Leases those of `ids` that are due, free and not behind an older row of their key."""
    return _lease(
        db,
        _of(db).claim,
        kind=int(kind),
        ids=numbers(db.dialect, ids),
        seconds=seconds,
        token=token,
    )


def top_up(db: Database, kind: Kind, *, seconds: float, token: int) -> list[Lease]:
    """Leases a chunk of whatever is due, oldest first."""
    return _lease(db, _of(db).top_up, kind=int(kind), seconds=seconds, token=token)


def overdue(db: Database, kind: Kind, *, limit: int = 2000, grace: float = GRACE) -> list[int]:
    """The ids nobody was woken for, or whose lease died: what the sweep wakes."""
    with db.read() as connection:
        found = connection.execute(
            _clause(_of(db).due), {"kind": int(kind), "seconds": grace, "limit": limit}
        )
        return [row.id for row in found]


def add(db: Database, connection: Connection, kind: Kind, rows: Sequence[NewWork]) -> None:
    """Makes rows due now, in the caller's transaction."""
    _write(db, connection, _of(db).add, rows, kind=int(kind))


def add_leased(
    db: Database,
    connection: Connection,
    kind: Kind,
    rows: Sequence[NewWork],
    *,
    seconds: float,
    token: int,
) -> list[Lease]:
    """Rows born leased to who writes them: follow-up work needs no message and no claim."""
    more = {"kind": int(kind), "seconds": seconds, "token": token}
    _write(db, connection, _of(db).add_leased, rows, **more)
    return [Lease(id=row.id, org=row.org, okey=row.okey, attempts=1) for row in rows]


def _write(
    db: Database, connection: Connection, statement: str, rows: Sequence[NewWork], **more: object
) -> None:
    """PostgreSQL takes the rows as one JSON text, SQLite one after the other."""
    if not rows:
        return
    given = [
        {"id": r.id, "org": r.org, "okey": r.okey, "target": r.target, "lane": r.lane} for r in rows
    ]
    if db.dialect == "sqlite":
        connection.execute(_clause(statement), [{**one, **more} for one in given])
    else:
        connection.execute(_clause(statement), {"given": json.dumps(given), **more})


def successors(
    db: Database, kind: Kind, keys: Sequence[int], *, seconds: float, token: int
) -> list[Lease]:
    """Leases what waited behind keys that are finished. Call it after the commit: inside the
    transaction it misses a row whose wake-up was turned away in between.

    Seldom is there anything, and to look costs a quarter of a claim, and no writer's turn."""
    if not keys:
        return []
    given = {"kind": int(kind), "keys": numbers(db.dialect, keys)}
    with db.looks() as connection:
        if connection.execute(_clause(_of(db).any_of), given).first() is None:
            return []
    return _lease(db, _of(db).successors, seconds=seconds, token=token, **given)


def busy_keys(connection: Connection, kind: Kind, keys: Sequence[int]) -> set[int]:
    """Those of the keys that have work waiting or in hand."""
    found = connection.execute(_BUSY, {"kind": int(kind), "keys": keys})
    return set(found.scalars())


_BUSY = (
    select(table.c.okey)
    .where(table.c.kind == bindparam("kind"), among_numbers(table.c.okey, "keys"))
    .distinct()
)


def waits(connection: Connection, kind: Kind, id: int) -> bool:
    """Whether there is such work, waiting or in hand."""
    found = connection.execute(
        select(table.c.id).where(table.c.kind == int(kind), table.c.id == id)
    )
    return found.first() is not None


def renew(
    db: Database,
    connection: Connection,
    kind: Kind,
    ids: Sequence[int],
    *,
    token: int,
    seconds: float,
) -> set[int]:
    """The ids the token still holds, locked until the commit, their lease lengthened."""
    found = connection.execute(
        _clause(_of(db).renew),
        {"kind": int(kind), "ids": numbers(db.dialect, ids), "token": token, "seconds": seconds},
    )
    return {row.id for row in found}


def fence(
    db: Database, connection: Connection, kind: Kind, ids: Sequence[int], *, token: int
) -> set[int]:
    """Finishes rows: gives the ids the token still holds, and deletes them. The first statement of
    every record: effects are written for these ids only, so who wakes after his lease has ended
    changes nothing."""
    found = connection.execute(
        _clause(_of(db).fence), {"kind": int(kind), "ids": numbers(db.dialect, ids), "token": token}
    )
    return {row.id for row in found}


def retry(
    db: Database, connection: Connection, kind: Kind, id: int, *, token: int, seconds: float
) -> bool:
    """Lets go of a row and makes it due again after `seconds`; False when the lease was lost."""
    found = connection.execute(
        _clause(_of(db).retry), {"kind": int(kind), "id": id, "token": token, "seconds": seconds}
    )
    return found.first() is not None


def due_again(connection: Connection, kind: Kind, org: int, which: Select[tuple[int]]) -> None:
    """What waited for long is due at once, as if it had never been tried."""
    connection.execute(
        update(table)
        .where(
            table.c.kind == int(kind),
            table.c.org_id == org,
            table.c.lease_until.is_(None),
            table.c.id.in_(which),
        )
        .values(due_at=_LONG_AGO, attempts=0)
    )


def bury(
    connection: Connection, kind: Kind, lease: Lease, *, at: datetime, place: str, reason: str
) -> None:
    """Keeps what gave up as a dead letter, with where and why; the caller has fenced its row."""
    connection.execute(
        insert(dead).values(
            kind=int(kind),
            id=lease.id,
            org_id=lease.org,
            at=at,
            place=place,
            reason=reason,
            attempts=lease.attempts,
        )
    )


def exhume(conn: Connection, kind: Kind, ids: Sequence[int]) -> None:
    """They are no dead letters any more: a person has them done again."""
    for first in range(0, len(ids), _AT_ONCE):
        some = dead.c.id.in_(ids[first : first + _AT_ONCE])
        conn.execute(delete(dead).where(dead.c.kind == int(kind), some))


def _of(db: Database) -> Statements:
    return SQLITE if db.dialect == "sqlite" else POSTGRESQL


@lru_cache(maxsize=64)
def _clause(statement: str) -> TextClause:
    return text(statement)


def _lease(db: Database, statement: str, **values: object) -> list[Lease]:
    with db.claims() as connection:
        rows = connection.execute(_clause(statement), {**values, "limit": CHUNK}).all()
    leases = [
        Lease(id=r.id, org=r.org_id, okey=r.okey, attempts=r.attempts, is_late=bool(r.is_late))
        for r in rows
    ]
    return sorted(leases, key=lambda lease: lease.id)
