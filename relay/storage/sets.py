"""Sets of texts or numbers as one parameter, so that a statement is one whatever their size: one
that is compiled and planned once, where `IN (…)` is another for each size."""

from typing import Any

import orjson
from sqlalchemy import Boolean, ColumnElement, Text, bindparam, types
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


class _Numbers(types.TypeDecorator[Any]):
    """The same for numbers, as PostgreSQL writes an array of them, or SQLite its JSON."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return numbers(dialect.name, value)


def numbers(dialect: str, values: Any) -> str:
    """Numbers as one text: `{1,2}` where they are taken apart as an array, `[1,2]` as JSON."""
    inner = ",".join(map(str, values))
    return f"{{{inner}}}" if dialect == "postgresql" else f"[{inner}]"


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


class among_numbers(among):  # noqa: N801 - reads as an operator of SQL
    """`column` is one of the numbers given under `name` when the statement runs."""

    inherit_cache = True
    name = "among_numbers"

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        FunctionElement.__init__(self, column, bindparam(name, type_=_Numbers()))


@compiles(among, "postgresql")
def _any(element: among, compiler: SQLCompiler, **keywords: Any) -> str:
    column, values = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"{column} = ANY (ARRAY(SELECT json_array_elements_text(CAST({values} AS json))))"


@compiles(among_numbers, "postgresql")
def _any_number(element: among_numbers, compiler: SQLCompiler, **keywords: Any) -> str:
    column, values = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"{column} = ANY (CAST({values} AS bigint[]))"


@compiles(among, "sqlite")
@compiles(among_numbers, "sqlite")
def _each(element: among, compiler: SQLCompiler, **keywords: Any) -> str:
    column, values = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - compiled parts
