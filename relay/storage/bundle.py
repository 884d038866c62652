"""Rows for several tables, gathered while a transaction works and written together at its end.

A statement is a way to PostgreSQL and back, which costs what several rows do: there a bundle is
one. None of its rows may depend on another of them being there.
"""

from collections.abc import Sequence
from functools import lru_cache

from sqlalchemy import Connection, Table, TextClause, text

from relay.storage.batches import NEW, Row, Way, given, insert_rows, insert_sql

_Part = tuple[Table, tuple[str, ...], Way]


class Bundle:
    """What is to be inserted."""

    def __init__(self) -> None:
        self._rows: dict[_Part, list[Row]] = {}

    def add(self, table: Table, rows: Sequence[Row], way: Way = NEW) -> None:
        """More rows, as `insert_rows` takes them."""
        if rows:
            self._rows.setdefault((table, tuple(rows[0]), way), []).extend(rows)

    def write(self, conn: Connection) -> None:
        """Inserts them all; the bundle is empty then."""
        parts, self._rows = self._rows, {}
        if conn.dialect.name == "sqlite" or len(parts) == 1:
            for (table, _, way), rows in parts.items():
                insert_rows(conn, table, rows, way)
        elif parts:
            values = enumerate(
                given(table, names, rows) for (table, names, _), rows in parts.items()
            )
            conn.execute(_together(tuple(parts)), {f"given{n}": one for n, one in values})


@lru_cache(maxsize=64)
def _together(parts: tuple[_Part, ...]) -> TextClause:
    named = (
        f"part{n} AS ({insert_sql(table, names, way, f'given{n}')})"
        for n, (table, names, way) in enumerate(parts)
    )
    return text(f"WITH {', '.join(named)} SELECT 1")
