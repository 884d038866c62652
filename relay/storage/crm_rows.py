"""What the CRM's statements share: sets of texts as one parameter, an order without an index, and
locks by key."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    FromClause,
    Text,
    bindparam,
    text,
    types,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Texts(types.TypeDecorator[Any]):
    """A set of texts as one parameter: JSON, for to write an array costs many times as much."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        del dialect
        return orjson.dumps(list(value)).decode()


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
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text(CAST({values} AS json))))"


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


def lock_keys(connection: Connection, keys: Sequence[int]) -> None:
    """Holds each key until the transaction ends, so that two creations of one thing meet.

    On SQLite a write transaction is alone already.
    """
    if keys and connection.dialect.name == "postgresql":
        connection.execute(_LOCKS, {"keys": sorted(set(keys))})


_LOCKS = text("SELECT pg_advisory_xact_lock(k) FROM unnest(CAST(:keys AS bigint[])) AS k")
