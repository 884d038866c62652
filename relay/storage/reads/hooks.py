"""How an organization's hooks do, counted: for the page that lists them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from relay.storage.tables.deliveries import deliveries

_d = deliveries.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """One hook's deliveries since some time, by state."""

    delivered: int = 0
    failed: int = 0
    pending: int = 0
    held: int = 0

    @property
    def share(self) -> int | None:
        """Of a hundred that have ended, how many were delivered."""
        ended = self.delivered + self.failed
        return None if not ended else round(100 * self.delivered / ended)


def counts(conn: Connection, org: int, since: datetime) -> Mapping[int, Counts]:
    """By hook; one without deliveries is missing."""
    query = (
        select(_d.target_id, _d.state, func.count().label("number"))
        .where(_d.org_id == org, _d.target_kind == "hook", _d.created_at >= since)
        .group_by(_d.target_id, _d.state)
    )
    found: dict[int, dict[str, int]] = {}
    for row in conn.execute(query):
        if row.state in Counts.__slots__:
            found.setdefault(row.target_id, {})[row.state] = row.number
    return {id: Counts(**states) for id, states in found.items()}
