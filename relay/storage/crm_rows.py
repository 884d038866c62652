"""Many rows in one statement, on both databases: sets of ids in, batches of rows out.

PostgreSQL takes arrays and unnests them; SQLite, which runs in our process, reads ids from a JSON
array and takes `executemany` as fast as a set.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Table,
    Text,
    TextClause,
    bindparam,
    insert,
    text,
    types,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from relay.storage.tables.base import Json, dump

Row = Mapping[str, Any]


class _Texts(types.TypeDecorator[Any]):
    """A set of texts as one parameter."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.ARRAY(Text))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return list(value) if dialect.name == "postgresql" else orjson.dumps(list(value)).decode()


class among(FunctionElement[bool]):  # noqa: N801 - reads as an operator of SQL
    """`column` is one of the texts given under `name` when the statement runs."""

    inherit_cache = True
    type = Boolean()
    name = "among"

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        super().__init__(column, bindparam(name, type_=_Texts()))

    def self_group(self, against: Any = None) -> Any:
        """As it stands: SQLAlchemy would write `… = 1` for SQLite, which then finds no index."""
        del against
        return self


@compiles(among, "postgresql")
def _any(element: among, compiler: SQLCompiler, **keywords: Any) -> str:
    column, values = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(among, "sqlite")
def _each(element: among, compiler: SQLCompiler, **keywords: Any) -> str:
    column, values = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - compiled parts


def of_org(table: FromClause) -> ColumnElement[bool]:
    """The row is the organization's, given as :org; for look-ups by ids.

    `+ 0` keeps indexes that begin with the organization out of it: PostgreSQL, as long as it has no
    statistics, thinks that the organization is choosier than 64 ids, and reads everything it has.
    """
    return table.c.org_id + 0 == bindparam("org")


def in_order(column: ColumnElement[str]) -> ColumnElement[str]:
    """To order found rows by a text without its index: SQLite, which has no statistics either,
    would rather read the whole table in order than look up the few that are asked for."""
    return column.concat("")


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts rows that all have the same columns."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table), rows)
        return
    names = tuple(rows[0])
    connection.execute(_pg_insert(table, names), _arrays(table, names, rows))


def insert_missing(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts rows; one that is there already under a unique key stays as it is."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.execute(insert(table).prefix_with("OR IGNORE"), rows)
        return
    names = tuple(rows[0])
    connection.execute(_pg_insert(table, names, missing=True), _arrays(table, names, rows))


def update_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Sets the columns of rows that are named by `id`; no id may come twice."""
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "sqlite":
        given = [{f"_{name}": value for name, value in row.items()} for row in rows]
        connection.execute(_lite_update(table, names), given)
        return
    connection.execute(_pg_update(table, names), _arrays(table, names, rows))


def lock_keys(connection: Connection, keys: Sequence[int]) -> None:
    """Holds each key until the transaction ends, so that two creations of one thing meet.

    On SQLite a write transaction is alone already.
    """
    if keys and connection.dialect.name == "postgresql":
        connection.execute(_LOCKS, {"keys": sorted(set(keys))})


_LOCKS = text("SELECT pg_advisory_xact_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k")


@lru_cache(maxsize=64)
def _lite_update(table: Table, names: tuple[str, ...]) -> Any:
    values: dict[str, Any] = {name: bindparam(f"_{name}") for name in names if name != "id"}
    return update(table).where(table.c.id == bindparam("_id")).values(values)


@lru_cache(maxsize=64)
def _pg_insert(table: Table, names: tuple[str, ...], *, missing: bool = False) -> TextClause:
    conflict = " ON CONFLICT DO NOTHING" if missing else ""
    return text(f"INSERT INTO {table.name} ({', '.join(names)}) {_unnest(table, names)}{conflict}")


@lru_cache(maxsize=64)
def _pg_update(table: Table, names: tuple[str, ...]) -> TextClause:
    sets = ", ".join(f"{name} = u.{name}" for name in names if name != "id")
    rows = _unnest(table, names)
    return text(f"UPDATE {table.name} AS t SET {sets} FROM ({rows}) AS u WHERE t.id = u.id")  # noqa: S608 - names of our own columns


def _unnest(table: Table, names: tuple[str, ...]) -> str:
    arrays = ", ".join(f"CAST(:{name} AS {_array_of(table.c[name].type)})" for name in names)
    return f"SELECT * FROM unnest({arrays}) AS v({', '.join(names)})"  # noqa: S608 - names of our own columns


def _array_of(type_: types.TypeEngine[Any]) -> str:
    match type_:
        case BigInteger():
            return "bigint[]"
        case Integer():
            return "integer[]"
        case Boolean():
            return "boolean[]"
        case _:
            return "text[]"


def _arrays(table: Table, names: tuple[str, ...], rows: Sequence[Row]) -> dict[str, list[Any]]:
    arrays: dict[str, list[Any]] = {}
    for name in names:
        column = [row[name] for row in rows]
        if isinstance(table.c[name].type, Json):
            column = [None if value is None else dump(value) for value in column]
        arrays[name] = column
    return arrays
