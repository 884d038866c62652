"""What is changed about an organization and its people after they are there."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import Connection, func, select, update

from relay.core import quiet
from relay.core.access import ROLES
from relay.core.errors import Conflict, InvalidInput, NotFound
from relay.storage.identity import audit, organization, touch_config
from relay.storage.tables.identity import organizations, users

MOST_KEYS = 1000


def change_organization(
    conn: Connection,
    org: int,
    *,
    by: str,
    at: datetime,
    time_zone: str | None = None,
    key_limit: int | None = None,
    bookings_held: bool | None = None,
    settings: Mapping[str, object] | None = None,
    quiet_hours: str | None = None,
) -> None:
    """Sets what is given; a setting of None is taken away. Raises InvalidInput."""
    before = organization(conn, org)
    if time_zone is not None and time_zone not in available_timezones():
        raise InvalidInput(f"{time_zone!r} is no time zone; write one such as Europe/Berlin")
    if key_limit is not None and not 1 <= key_limit <= MOST_KEYS:
        raise InvalidInput(f"the limit of keys is between 1 and {MOST_KEYS}")
    merged = {**before.settings, **(settings or {})}
    wanted: dict[str, object] = {
        "time_zone": time_zone,
        "key_limit": key_limit,
        "bookings_held": bookings_held,
        "quiet_hours": None if quiet_hours is None else quiet.quiet_hours(quiet_hours),
        "settings": {k: v for k, v in merged.items() if v is not None} if settings else None,
    }
    changed = {name: value for name, value in wanted.items() if value is not None}
    if not changed:
        return
    conn.execute(update(organizations).where(organizations.c.id == org).values(**changed))
    touch_config(conn, org)
    was = {name: getattr(before, name) for name in changed}
    audit(conn, org, by, "organization changed", before.name, before=was, after=changed, at=at)


def change_role(conn: Connection, org: int, who: str, role: str, *, by: str, at: datetime) -> None:
    """Another role for the user of that email or id; their sessions go on with it. Raises NotFound
    and InvalidInput, and Conflict where nobody would be owner any more."""
    if role not in ROLES:
        raise InvalidInput(f"{role!r} is no role: {', '.join(ROLES)}")
    found = _user(conn, org, who)
    _keep_an_owner(conn, org, found.id, found.role, becomes=role)
    conn.execute(
        update(users).where(users.c.org_id == org, users.c.id == found.id).values(role=role)
    )
    audit(conn, org, by, "role changed", found.email, before=found.role, after=role, at=at)


def owners_of(conn: Connection, org: int) -> list[str]:
    """The addresses of those who are told when nobody else is named."""
    query = select(users.c.email).where(users.c.org_id == org, users.c.role == "owner")
    return list(conn.execute(query.order_by(users.c.email)).scalars())


def _user(conn: Connection, org: int, who: str) -> Any:
    column = users.c.email if "@" in who else users.c.id
    query = select(users.c.id, users.c.email, users.c.role)
    row = conn.execute(query.where(users.c.org_id == org, column == who.strip().lower())).first()
    if row is None:
        raise NotFound(f"there is no user {who!r} here")
    return row


def _keep_an_owner(conn: Connection, org: int, id: str, role: str, *, becomes: str) -> None:
    if role != "owner" or becomes == "owner":
        return
    others = select(func.count()).where(
        users.c.org_id == org, users.c.role == "owner", users.c.id != id
    )
    if conn.execute(others).scalar_one() == 0:
        raise Conflict("an organization needs an owner: make somebody else one first")
