"""The first statement of what a chunk of events is recorded with."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from relay.storage import work
from relay.storage.database import Database
from relay.storage.numbers import next_ids
from relay.storage.sets import numbers
from relay.storage.tables.runs import runs as table
from relay.storage.work import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """`held` are the events that the token still held, which are finished by it; `runs` are numbers
    for runs; `busy` those ordering keys that have runs waiting or in hand."""

    held: set[int]
    runs: list[int]
    busy: set[int]


def begin(
    db: Database, conn: Connection, ids: Sequence[int], *, token: int, runs: int, keys: set[int]
) -> Begun:
    """The fence (`work.fence`) of a chunk that may start so many runs, under these keys."""
    if db.dialect == "sqlite":
        return Begun(
            held=work.fence(db, conn, Kind.EVENT, ids, token=token),
            runs=next_ids(conn, table, runs),
            busy=work.busy_keys(conn, Kind.RUN, sorted(keys)) if keys else set(),
        )
    given = {"ids": numbers(db.dialect, ids), "token": token, "runs": runs}
    row = conn.execute(_BEGIN, {**given, "keys": numbers(db.dialect, keys)}).one()
    return Begun(held=set(row.held), runs=sorted(row.runs), busy=set(row.busy))


# 1 is Kind.EVENT, 3 is Kind.RUN. One way there and back for what were three.
_BEGIN = text("""
WITH gone AS (
    DELETE FROM work
    WHERE kind = 1 AND id = ANY(CAST(:ids AS bigint[])) AND token = :token RETURNING id)
SELECT ARRAY(SELECT id FROM gone) AS held,
    ARRAY(SELECT nextval(pg_get_serial_sequence('runs', 'id')) FROM generate_series(1, :runs))
        AS runs,
    ARRAY(SELECT DISTINCT okey FROM work WHERE kind = 3 AND okey = ANY(CAST(:keys AS bigint[])))
        AS busy""")
