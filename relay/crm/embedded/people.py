"""The users of an organization, as owners of items."""

from sqlalchemy import Connection, bindparam, select

from relay.core.errors import NotFound
from relay.crm.model import User
from relay.crm.values import People
from relay.storage.tables.identity import users as users_table

_OF = (
    select(users_table.c.id, users_table.c.name, users_table.c.email)
    .where(users_table.c.org_id == bindparam("org"))
    .order_by(users_table.c.id)
)


def users(conn: Connection, org: int) -> list[User]:
    """Everyone who belongs to the organization."""
    rows = conn.execute(_OF, {"org": org})
    return [User(id=id, name=name, email=email) for id, name, email in rows]


def people(conn: Connection, org: int) -> People:
    """Everyone who belongs to the organization, by id and by address."""
    return People.of(users(conn, org))


def user(conn: Connection, org: int, id: str) -> User:
    """Raises NotFound."""
    found = people(conn, org).by_id.get(id)
    if found is None:
        raise NotFound(f"there is no user {id!r}")
    return found
