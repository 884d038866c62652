"""Named addresses, taken away again."""

from sqlalchemy import Connection, delete

from relay.core.errors import NotFound
from relay.storage.identity import touch_config
from relay.storage.tables.setup import targets


def remove_target(conn: Connection, org: int, name: str) -> None:
    """What waits to be sent there still goes to the address it was made for. Raises NotFound."""
    mine = delete(targets).where(targets.c.org_id == org, targets.c.name == name)
    if conn.execute(mine).rowcount == 0:
        raise NotFound(f"there is no target {name!r} here")
    touch_config(conn, org)
