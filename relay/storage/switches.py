"""What a person can stop at once: one rule, one connection, one source, or every booking."""

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from relay.storage.identity import touch_config
from relay.storage.tables.identity import organizations
from relay.storage.tables.setup import rule_states


def pause_rule(
    conn: Connection, org: int, rule: str, *, paused: bool, by: str, at: datetime
) -> None:
    """A paused rule is asked no more until somebody lets it go on."""
    which = (rule_states.c.org_id == org, rule_states.c.rule_id == rule)
    values = {"paused": paused, "by": by, "at": at}
    if conn.execute(select(rule_states.c.rule_id).where(*which)).first() is None:
        conn.execute(insert(rule_states).values(org_id=org, rule_id=rule, **values))
    else:
        conn.execute(update(rule_states).where(*which).values(**values))
    touch_config(conn, org)


def bookings_held(conn: Connection, org: int) -> bool:
    """As it stands, and stays until the transaction ends: what is held now is seen by whoever lets
    bookings go."""
    query = select(organizations.c.bookings_held).where(organizations.c.id == org)
    return bool(conn.execute(query.with_for_update()).scalar_one())


def hold_bookings(conn: Connection, org: int, *, held: bool) -> None:
    """While held nothing is booked; runs wait at their booking steps."""
    mine = organizations.c.id == org
    conn.execute(update(organizations).where(mine).values(bookings_held=held))
    touch_config(conn, org)
