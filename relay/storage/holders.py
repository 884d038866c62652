"""Who holds leases: a row for each process that claims, and tokens that tell whose they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, text, update

from relay.storage.database import Database
from relay.storage.statements import LITE_NOW
from relay.storage.tables.work import holders, work
from relay.storage.work import Kind

_TOKENS = 36  # bits; a process makes no more of them in its life


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that claims: its number on its machine, and when it was born there. `leaving`: it
    was told to end."""

    id: int
    machine: str
    pid: int
    born: str
    parent: int
    leaving: bool


def register(
    conn: Connection, machine: str, pid: int, born: str, at: datetime, *, parent: int = 0
) -> int:
    """The number under which a process claims from now on."""
    row = insert(holders).values(machine=machine, pid=pid, born=born, at=at, parent=parent)
    return int(conn.execute(row.returning(holders.c.id)).scalar_one())


def leave(conn: Connection, ids: Sequence[int]) -> None:
    """They were told to end."""
    conn.execute(update(holders).where(holders.c.id.in_(ids)).values(leaving=True))


def token(holder: int, number: int) -> int:
    """The holder's token of that number: nobody else claims with it."""
    return (holder << _TOKENS) | number


def on(conn: Connection, machine: str) -> list[Holder]:
    """Those of a machine."""
    its = holders.c
    names = (its.id, its.machine, its.pid, its.born, its.parent, its.leaving)
    rows = conn.execute(select(*names).where(its.machine == machine).order_by(its.id))
    return [Holder(**row._mapping) for row in rows]


def forget(conn: Connection, holder: int) -> bool:
    """False where another one has found it dead."""
    return conn.execute(delete(holders).where(holders.c.id == holder)).rowcount > 0


def forget_older(conn: Connection, than: datetime) -> None:
    """Those of machines that never came back."""
    conn.execute(delete(holders).where(holders.c.at < than))


def in_hand(conn: Connection, holder: int) -> list[tuple[Kind, int]]:
    """What is leased to it, by kind and id."""
    its = (work.c.token >= token(holder, 0), work.c.token < token(holder + 1, 0))
    query = select(work.c.kind, work.c.id).where(*its)
    return [(Kind(row.kind), row.id) for row in conn.execute(query)]


def let_go(
    db: Database,
    conn: Connection,
    holder: int,
    kind: Kind,
    ids: Sequence[int],
    *,
    seconds: float,
    died: bool,
) -> None:
    """Ends its leases of these rows within `seconds` from now; none is lengthened. `died`: with
    them in hand, which is counted. Nothing is done to a row that somebody else has taken
    meanwhile."""
    until = (
        f"min(lease_until, {LITE_NOW} + CAST(:seconds * 1000000 AS INTEGER))"
        if db.dialect == "sqlite"
        else "least(lease_until, now() + :seconds * interval '1 second')"
    )
    statement = text(
        f"UPDATE work SET lease_until = {until}, deaths = deaths + :deaths"  # noqa: S608 - our own texts
        " WHERE kind = :kind AND id = :id AND token >= :first AND token < :last"
    )
    span = {"first": token(holder, 0), "last": token(holder + 1, 0)}
    each = {"kind": int(kind), "seconds": seconds, "deaths": int(died), **span}
    given = [{"id": id, **each} for id in sorted(ids)]
    if given:
        conn.execute(statement, given)
