"""Many rows in one statement, on both databases.

PostgreSQL is given one JSON text and takes it apart: to write an array for each column, or a row at
a time, costs several times as much of our own time. SQLite, which runs in our process, takes
`executemany` as fast as a set.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import Connection, LargeBinary, Table, TextClause, bindparam, insert, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage.tables.base import Json, Time, dump

Row = Mapping[str, Any]


@contextmanager
def planned_anew(connection: Connection) -> Iterator[None]:
    """PostgreSQL plans each statement for the tables as they are now: a plan that was kept while a
    table was empty reads the whole of it when a file has filled it. After an exception the setting
    goes with the transaction, or stays with a connection for reading, which does no harm."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.exec_driver_sql("SET plan_cache_mode = force_custom_plan")
    yield
    connection.exec_driver_sql("SET plan_cache_mode = auto")


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts rows that all have the same columns."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), list(rows))
        return
    names = tuple(rows[0])
    connection.execute(_pg_insert(table, names), _given(table, names, rows))


def insert_missing(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts rows; one that is there already under a unique key stays as it is."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table).prefix_with("OR IGNORE"), list(rows))
        return
    names = tuple(rows[0])
    connection.execute(_pg_insert(table, names, _MISSING), _given(table, names, rows))


def insert_fresh(
    connection: Connection, table: Table, rows: Sequence[Row], told: str = "id"
) -> set[int]:
    """The same; the ids (or what `told` names) of those that were not there."""
    if not rows:
        return set()
    if connection.dialect.name == "sqlite":
        fresh = sqlite_insert(table).on_conflict_do_nothing().returning(table.c[told])
        return set(connection.execute(fresh, list(rows)).scalars())
    names = tuple(rows[0])
    statement = _pg_insert(table, names, f"{_MISSING} RETURNING {told}")
    return set(connection.execute(statement, _given(table, names, rows)).scalars())


def update_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Sets the columns of rows that are named by `id`; no id may come twice."""
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "sqlite":
        given = [{f"_{name}": value for name, value in row.items()} for row in rows]
        connection.execute(_lite_update(table, names), given)
        return
    connection.execute(_pg_update(table, names), _given(table, names, rows))


def upsert_rows(
    connection: Connection, table: Table, rows: Sequence[Row], *, by: tuple[str, ...],
    keep: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Inserts rows, or writes them over those with the same `by`, whose `keep` stays. No `by` may
    come twice."""
    if not rows:
        return
    names = tuple(rows[0])
    changed = [name for name in names if name not in (*by, *keep)]
    if connection.dialect.name == "sqlite":
        given = sqlite_insert(table)
        over = given.on_conflict_do_update(
            index_elements=by, set_={name: given.excluded[name] for name in changed}
        )
        connection.execute(over, list(rows))
        return
    sets = ", ".join(f"{name} = excluded.{name}" for name in changed)
    statement = _pg_insert(table, names, f" ON CONFLICT ({', '.join(by)}) DO UPDATE SET {sets}")
    connection.execute(statement, _given(table, names, rows))


_MISSING = " ON CONFLICT DO NOTHING"


@lru_cache(maxsize=64)
def _lite_update(table: Table, names: tuple[str, ...]) -> Any:
    values: dict[str, Any] = {name: bindparam(f"_{name}") for name in names if name != "id"}
    return update(table).where(table.c.id == bindparam("_id")).values(values)


@lru_cache(maxsize=64)
def _pg_insert(table: Table, names: tuple[str, ...], ending: str = "") -> TextClause:
    columns = ", ".join(names)
    return text(f"INSERT INTO {table.name} ({columns}) {_select(table, names)}{ending}")


@lru_cache(maxsize=64)
def _pg_update(table: Table, names: tuple[str, ...]) -> TextClause:
    sets = ", ".join(f"{name} = u.{name}" for name in names if name != "id")
    rows = _select(table, names)
    return text(f"UPDATE {table.name} AS t SET {sets} FROM ({rows}) AS u WHERE t.id = u.id")  # noqa: S608 - names of our own columns


def _select(table: Table, names: tuple[str, ...]) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    columns = ", ".join(f"{name} {table.c[name].type.compile(dialect)}" for name in names)
    return f"SELECT {', '.join(names)} FROM json_to_recordset(CAST(:given AS json)) AS v({columns})"  # noqa: S608 - names of our own columns


def _given(table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> dict[str, str]:
    write = _writers(table, names)
    if write:
        rows = [
            row | {name: None if row[name] is None else to(row[name]) for name, to in write}  # type: ignore[operator]
            for row in rows
        ]
    return {"given": orjson.dumps(rows).decode()}


@lru_cache(maxsize=64)
def _writers(
    table: Table, names: tuple[str, ...]
) -> tuple[tuple[str, Callable[[Any], str]], ...]:  # fmt: skip
    """The columns whose values JSON cannot say as PostgreSQL reads them, and how they are said."""
    found: list[tuple[str, Callable[[Any], str]]] = []
    for name in names:
        match table.c[name].type:
            case Json():
                found.append((name, dump))
            case Time():
                found.append((name, _time))
            case LargeBinary():
                found.append((name, _bytes))
            case _:
                pass
    return tuple(found)


def _time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone: times are stored in UTC")
    return value.isoformat()


def _bytes(value: bytes) -> str:
    return "\\x" + value.hex()
