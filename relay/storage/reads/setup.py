"""How what an organization has set up is doing: rules by their runs, sources by their deliveries,
connections by what waits for them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from relay.storage.tables.events import events
from relay.storage.tables.runs import runs
from relay.storage.tables.setup import rule_sets, rule_states, sources

_RECENT = 1000  # runs that a rule's outcomes are counted over: its health, not its history


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleHealth:
    """What a rule's newest runs came to; `states` counts them by outcome."""

    states: Mapping[str, int] = field(default_factory=dict)
    last_id: int | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSet:
    """When the live rule set was applied, and by whom."""

    hash: str
    applied_at: datetime
    applied_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastDelivery:
    """The newest delivery of a source."""

    id: int
    at: datetime
    state: str
    reason: str | None


def rule_health(conn: Connection, org: int) -> dict[str, RuleHealth]:
    """By rule id, over the organization's newest runs."""
    recent = (
        select(runs.c.id, runs.c.rule_id, runs.c.state, runs.c.created_at)
        .where(runs.c.org_id == org)
        .order_by(runs.c.id.desc())
        .limit(_RECENT)
        .subquery()
    )
    counted = select(
        recent.c.rule_id,
        recent.c.state,
        func.count().label("number"),
        func.max(recent.c.id).label("last_id"),
        func.max(recent.c.created_at).label("last_at"),
    ).group_by(recent.c.rule_id, recent.c.state)
    by_rule: defaultdict[str, list[Any]] = defaultdict(list)
    for row in conn.execute(counted):
        by_rule[row.rule_id].append(row)
    return {rule: _health(rows) for rule, rows in by_rule.items()}


def _health(rows: list[Any]) -> RuleHealth:
    last = max(rows, key=lambda row: row.last_id)
    return RuleHealth(
        states={row.state: row.number for row in rows}, last_id=last.last_id, last_at=last.last_at
    )


def live_set(conn: Connection, org: int, hash: str | None) -> LiveSet | None:
    """None before the first apply."""
    query = select(rule_sets.c.hash, rule_sets.c.applied_at, rule_sets.c.applied_by)
    row = conn.execute(query.where(rule_sets.c.org_id == org, rule_sets.c.hash == hash)).first()
    return None if row is None else LiveSet(**row._mapping)


def who_paused(conn: Connection, org: int) -> dict[str, tuple[str, datetime]]:
    """By whom and when, for each rule that is paused."""
    rows = conn.execute(
        select(rule_states.c.rule_id, rule_states.c.by, rule_states.c.at).where(
            rule_states.c.org_id == org, rule_states.c.paused.is_(True)
        )
    )
    return {row.rule_id: (row.by, row.at) for row in rows}


def last_deliveries(conn: Connection, org: int) -> dict[int, LastDelivery]:
    """The newest delivery of each source, by the source's id."""
    newest = (
        select(func.max(events.c.id))
        .where(events.c.source_id == sources.c.id)
        .correlate(sources)
        .scalar_subquery()
    )
    query = (
        select(events.c.source_id, events.c.id, events.c.received_at, events.c.state,
               events.c.reason)
        .select_from(sources)
        .join(events, events.c.id == newest)
        .where(sources.c.org_id == org, events.c.org_id == org)
    )  # fmt: skip
    return {
        row.source_id: LastDelivery(
            id=row.id, at=row.received_at, state=row.state, reason=row.reason
        )
        for row in conn.execute(query)
    }


def waiting_for(conn: Connection, org: int) -> dict[int, int]:
    """How many runs each connection holds up."""
    query = (
        select(runs.c.held_by, func.count().label("number"))
        .where(runs.c.org_id == org, runs.c.state == "held", runs.c.held_by.is_not(None))
        .group_by(runs.c.held_by)
    )
    return {row.held_by: row.number for row in conn.execute(query)}
