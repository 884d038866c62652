"""What the CRM's statements share: an order without an index, and locks by key."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, FromClause, bindparam, text


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
