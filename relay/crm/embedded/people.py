"""The users of an organization, as owners of items."""

from collections.abc import Callable

from sqlalchemy import Connection, bindparam, column, select, table

from relay.crm.model import User
from relay.crm.values import People

# Reads (id, name, email) of the people of an organization.
Users = Callable[[Connection, int], list[User]]

_users = table("users", column("id"), column("org_id"), column("name"), column("email"))
_OF = (
    select(_users.c.id, _users.c.name, _users.c.email)
    .where(_users.c.org_id == bindparam("org"))
    .order_by(_users.c.id)
)


def users(conn: Connection, org: int) -> list[User]:
    """Everyone who belongs to the organization."""
    rows = conn.execute(_OF, {"org": org})
    return [User(id=id, name=name, email=email) for id, name, email in rows]


def people(conn: Connection, org: int) -> People:
    """Everyone who belongs to the organization, by id and by address."""
    return People.of(users(conn, org))
