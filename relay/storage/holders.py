"""Who holds leases: a row for each process that claims, and tokens that tell whose they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, text

from relay.storage.database import Database
from relay.storage.statements import LITE_NOW
from relay.storage.tables.work import holders, work
from relay.storage.work import Kind

_TOKENS = 36  # bits; a process makes no more of them in its life


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that claims: its number on its machine, and when it was born there."""

    id: int
    machine: str
    pid: int
    born: str


def register(conn: Connection, machine: str, pid: int, born: str, at: datetime) -> int:
    """The number under which a process claims from now on."""
    row = insert(holders).values(machine=machine, pid=pid, born=born, at=at)
    return int(conn.execute(row.returning(holders.c.id)).scalar_one())


def token(holder: int, number: int) -> int:
    """The holder's token of that number: nobody else claims with it."""
    return (holder << _TOKENS) | number


def on(conn: Connection, machine: str) -> list[Holder]:
    """Those of a machine."""
    names = (holders.c.id, holders.c.machine, holders.c.pid, holders.c.born)
    rows = conn.execute(select(*names).where(holders.c.machine == machine).order_by(holders.c.id))
    return [Holder(**row._mapping) for row in rows]


def forget(conn: Connection, holder: int) -> None:
    conn.execute(delete(holders).where(holders.c.id == holder))


def forget_older(conn: Connection, than: datetime) -> None:
    """Those of machines that never came back."""
    conn.execute(delete(holders).where(holders.c.at < than))


def in_hand(conn: Connection, holder: int) -> list[tuple[Kind, int]]:
    """What is leased to it, by kind and id."""
    its = (work.c.token >= token(holder, 0), work.c.token < token(holder + 1, 0))
    query = select(work.c.kind, work.c.id).where(*its)
    return [(Kind(row.kind), row.id) for row in conn.execute(query)]


def let_go(
    db: Database, conn: Connection, holder: int, kind: Kind, ids: Sequence[int], *, seconds: float
) -> None:
    """Ends its leases of these rows within `seconds` from now; none is lengthened. Nothing is done
    to a row that somebody else has taken meanwhile."""
    now = LITE_NOW if db.dialect == "sqlite" else "now()"
    until = (
        f"min(lease_until, {LITE_NOW} + CAST(:seconds * 1000000 AS INTEGER))"
        if db.dialect == "sqlite"
        else "least(lease_until, now() + :seconds * interval '1 second')"
    )
    statement = text(
        f"UPDATE work SET lease_until = {until} WHERE kind = :kind AND id = :id"  # noqa: S608 - our own texts
        f" AND token >= :first AND token < :last AND lease_until > {now}"
    )
    span = {"first": token(holder, 0), "last": token(holder + 1, 0)}
    given = [{"kind": int(kind), "id": id, "seconds": seconds, **span} for id in sorted(ids)]
    if given:
        conn.execute(statement, given)
