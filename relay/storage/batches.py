"""Many rows in one statement, on both databases.

PostgreSQL is given one JSON text and takes it apart: to write an array for each column, or a row at
a time, costs several times as much of our own time. SQLite, which runs in our process, takes
`executemany` as fast as a set.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection, Date, LargeBinary, Table, TextClause, bindparam, text, update
from sqlalchemy import Row as Found
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage.tables.base import Json, Time, dump, to_micros

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Way:
    """What becomes of a row whose unique key is there already: it is an error; it stays as it is
    (`lets`); or it is written over, where it has the same `by`, but for the columns `keep`."""

    lets: bool = False
    by: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()

    def ending(self, names: Sequence[str]) -> str:
        """How it is said at the end of an INSERT of these columns."""
        if self.lets:
            return " ON CONFLICT DO NOTHING"
        if not self.by:
            return ""
        changed = [name for name in names if name not in (*self.by, *self.keep)]
        sets = ", ".join(f"{name} = excluded.{name}" for name in changed)
        return f" ON CONFLICT ({', '.join(self.by)}) DO UPDATE SET {sets}"


NEW = Way()
MISSING = Way(lets=True)


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


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row], way: Way = NEW) -> None:
    """Inserts rows that all have the same columns; with a `way` of writing over, no `by` may come
    twice."""
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "sqlite":
        values = tuples(table, names, rows)
        connection.exec_driver_sql(lite_insert(table, names, way), values)
        return
    connection.execute(_pg_insert(table, names, way), {"given": given(table, names, rows)})


def insert_fresh(
    connection: Connection, table: Table, rows: Sequence[Row], told: str = "id"
) -> set[int]:
    """Inserts rows; one that is there already under a unique key stays as it is. The ids (or what
    `told` names) of those that were not there."""
    if not rows:
        return set()
    if connection.dialect.name == "sqlite":
        fresh = sqlite_insert(table).on_conflict_do_nothing().returning(table.c[told])
        return set(connection.execute(fresh, list(rows)).scalars())
    names = tuple(rows[0])
    statement = _pg_insert(table, names, MISSING, told)
    return set(connection.execute(statement, {"given": given(table, names, rows)}).scalars())


def add_rows(
    connection: Connection, table: Table, rows: Sequence[Row], *, by: tuple[str, ...], count: str
) -> Sequence[Found[Any]]:
    """Inserts rows, or adds `count` to that of those with the same `by`, of which none may come
    twice: the columns of `by`, and the sums."""
    told = (*by, count)
    if connection.dialect.name == "sqlite":
        new = sqlite_insert(table)
        over = new.on_conflict_do_update(
            index_elements=by, set_={count: table.c[count] + new.excluded[count]}
        )
        return connection.execute(over.returning(*(table.c[n] for n in told)), list(rows)).all()
    names = tuple(rows[0])
    statement = _pg_add(table, names, by, count)
    return connection.execute(statement, {"given": given(table, names, rows)}).all()


def update_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Sets the columns of rows that are named by `id`; no id may come twice."""
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "sqlite":
        changed = [{f"_{name}": value for name, value in row.items()} for row in rows]
        connection.execute(_lite_update(table, names), changed)
        return
    connection.execute(_pg_update(table, names), {"given": given(table, names, rows)})


def insert_sql(table: Table, names: tuple[str, ...], way: Way, given: str = "given") -> str:
    """PostgreSQL's INSERT of the rows in one JSON text, which is the parameter `given`."""
    columns = ", ".join(names)
    rows = _select(table, names, given)
    return f"INSERT INTO {table.name} ({columns}) {rows}{way.ending(names)}"


@lru_cache(maxsize=64)
def lite_insert(table: Table, names: tuple[str, ...], way: Way) -> str:
    """SQLite's INSERT of one row."""
    columns, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" for _ in names)
    return f"INSERT INTO {table.name} ({columns}) VALUES ({marks}){way.ending(names)}"  # noqa: S608 - names of our own columns


def given(table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> str:
    """Rows as PostgreSQL is given them."""
    write = _pg_writers(table, names)
    if write:
        rows = [_written(row, write) for row in rows]
    return orjson.dumps(rows).decode()


def tuples(table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """Rows as SQLite's driver takes them."""
    write = _lite_writers(table, names)
    in_order = itemgetter(*names) if len(names) > 1 else lambda row: (row[names[0]],)
    return [in_order(_written(row, write)) for row in rows]


_Writers = tuple[tuple[str, Callable[[Any], Any]], ...]


def _written(row: Row, write: _Writers) -> dict[str, Any]:
    ready = dict(row)
    for name, to in write:
        if (value := ready[name]) is not None:
            ready[name] = to(value)
    return ready


@lru_cache(maxsize=64)
def _lite_update(table: Table, names: tuple[str, ...]) -> Any:
    values: dict[str, Any] = {name: bindparam(f"_{name}") for name in names if name != "id"}
    return update(table).where(table.c.id == bindparam("_id")).values(values)


@lru_cache(maxsize=64)
def _pg_insert(
    table: Table, names: tuple[str, ...], way: Way, told: str | None = None
) -> TextClause:  # fmt: skip
    returning = f" RETURNING {told}" if told else ""
    return text(insert_sql(table, names, way) + returning)


@lru_cache(maxsize=64)
def _pg_add(table: Table, names: tuple[str, ...], by: tuple[str, ...], count: str) -> TextClause:
    same, told = ", ".join(by), ", ".join((*by, count))
    added = f"{count} = {table.name}.{count} + excluded.{count}"
    over = f" ON CONFLICT ({same}) DO UPDATE SET {added} RETURNING {told}"
    return text(insert_sql(table, names, NEW) + over)


@lru_cache(maxsize=64)
def _pg_update(table: Table, names: tuple[str, ...]) -> TextClause:
    sets = ", ".join(f"{name} = u.{name}" for name in names if name != "id")
    rows = _select(table, names, "given")
    return text(f"UPDATE {table.name} AS t SET {sets} FROM ({rows}) AS u WHERE t.id = u.id")  # noqa: S608 - names of our own columns


def _select(table: Table, names: tuple[str, ...], given: str) -> str:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    columns = ", ".join(f"{name} {table.c[name].type.compile(dialect)}" for name in names)
    return (
        f"SELECT {', '.join(names)} FROM json_to_recordset(CAST(:{given} AS json)) AS v({columns})"  # noqa: S608 - names of our own columns
    )


@lru_cache(maxsize=64)
def _pg_writers(table: Table, names: tuple[str, ...]) -> _Writers:
    """The columns whose values JSON cannot say as PostgreSQL reads them, and how they are said."""
    return _chosen(table, names, {Json: dump, Time: _time, LargeBinary: _bytes})


@lru_cache(maxsize=64)
def _lite_writers(table: Table, names: tuple[str, ...]) -> _Writers:
    """The columns whose values SQLite's driver does not know."""
    return _chosen(table, names, {Json: dump, Time: _micros, Date: date.isoformat})


def _chosen(
    table: Table, names: tuple[str, ...], ways: Mapping[type, Callable[[Any], Any]]
) -> _Writers:  # fmt: skip
    return tuple(
        (name, to)
        for name in names
        for kind, to in ways.items()
        if isinstance(table.c[name].type, kind)
    )


def _time(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone: times are stored in UTC")
    return value


def _micros(value: datetime) -> int:
    return to_micros(_time(value))


def _bytes(value: bytes) -> str:
    return "\\x" + value.hex()
