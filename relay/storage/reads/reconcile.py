"""The items that a reconciliation looks at."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from relay.storage.tables.crm import items

MOST = 10_000


def changed_items(
    conn: Connection, org: int, lists: Sequence[str], *, first: int, after: int
) -> list[str]:
    """Ids of the items of these lists that were changed in the time, the last change first."""
    query = (
        select(items.c.id)
        .where(
            items.c.org_id == org,
            items.c.list_id.in_(lists),
            items.c.modified_ms >= first,
            items.c.modified_ms < after,
        )
        .order_by(items.c.modified_ms.desc(), items.c.id)
        .limit(MOST)
    )
    return list(conn.execute(query).scalars())
