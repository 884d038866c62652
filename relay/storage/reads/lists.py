"""Lists as an index shows them."""

from sqlalchemy import Connection, func, select

from relay.storage.tables.crm import items


def item_counts(conn: Connection, org: int) -> dict[str, int]:
    """How many items each list has, by the list's id."""
    query = select(items.c.list_id, func.count().label("number")).where(items.c.org_id == org)
    rows = conn.execute(query.group_by(items.c.list_id))
    return {row.list_id: row.number for row in rows}
