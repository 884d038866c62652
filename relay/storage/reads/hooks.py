"""How an organization's hooks do: counted for the page that lists them, and those that need
somebody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from relay.storage.tables.deliveries import deliveries
from relay.storage.tables.hooks import hook_health, hooks

_d = deliveries.c
_h = hook_health.c
_NEWEST = 50


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwell:
    """A hook that Relay has disabled, or that has had no success for a while; `said` is what its
    receiver last answered, where that was lately."""

    id: int
    url: str
    event: str
    state: str
    reason: str | None
    failures: int
    since: datetime | None
    last_success_at: datetime | None
    said: str | None


def unwell(conn: Connection, org: int, before: datetime, *, limit: int) -> list[Unwell]:
    """Those that are disabled or have failed since before then, or whose breaker is open: the
    longest first."""
    fails = and_(
        hooks.c.state == "active",
        _h.failures > 0,
        or_(_h.open_seconds > 0, _h.first_failure_at <= before),
    )
    query = (
        select(
            hooks.c.id, hooks.c.url, hooks.c.event, hooks.c.state, hooks.c.reason, _h.failures,
            _h.first_failure_at.label("since"), _h.last_success_at,
        )
        .join(hook_health, _h.hook_id == hooks.c.id)
        .where(hooks.c.org_id == org, or_(hooks.c.state == "disabled", fails))
        .order_by(_h.first_failure_at, hooks.c.id)
        .limit(limit)
    )  # fmt: skip
    rows = conn.execute(query).all()
    return [Unwell(**row._mapping, said=_said(conn, row.id)) for row in rows]


def _said(conn: Connection, hook: int) -> str | None:
    # Of the newest alone: what is held has no answer, and there may be any number of it.
    newest = (
        select(_d.id, _d.attempts, _d.reason)
        .where(_d.target_kind == "hook", _d.target_id == hook)
        .order_by(_d.id.desc())
        .limit(_NEWEST)
        .subquery()
    )
    tried = select(newest.c.reason).where(newest.c.attempts > 0, newest.c.reason.is_not(None))
    found: str | None = conn.execute(tried.order_by(newest.c.id.desc()).limit(1)).scalar()
    return found
