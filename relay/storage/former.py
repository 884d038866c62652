"""Sales that were booked through connections which were removed since: they stand all the same."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from relay.storage.tables.runs import bookings
from relay.storage.tables.setup import connections


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerBooking:
    """One of them, and where the connection led. `state` is `sent` (nobody knows) or `booked`."""

    base_url: str
    settings: Mapping[str, object]
    number: str
    state: str
    output: Mapping[str, object] | None


def former_bookings(
    conn: Connection, org: int, *, provider: str, verb: str, item: str, label: str
) -> list[FormerBooking]:
    """Those of one sale, oldest first."""
    query = (
        select(
            connections.c.base_url,
            connections.c.settings,
            bookings.c.number,
            bookings.c.state,
            bookings.c.output,
        )
        .join(connections, connections.c.id == bookings.c.connection_id)
        .where(
            bookings.c.org_id == org,
            bookings.c.item_id == item,
            bookings.c.verb == verb,
            bookings.c.label == label,
            bookings.c.state != "open",
            connections.c.provider == provider,
            connections.c.removed_at.is_not(None),
        )
        .order_by(bookings.c.id)
    )
    return [FormerBooking(**row._mapping) for row in conn.execute(query)]
