"""Events as people see them: a page of them, and one with everything that is kept of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Select, func, select

from relay.core.errors import NotFound
from relay.storage.reads.page import Cut, Page, cut_page, scan_floor
from relay.storage.tables.events import event_outcomes, events, facts, payloads
from relay.storage.tables.runs import runs
from relay.storage.tables.setup import sources
from relay.storage.tables.work import dead
from relay.storage.work import Kind

_OUTCOMES = frozenset({"routed", "no_rule", "unreadable"})
STATES = ("accepted", "duplicate", "rejected", "unreadable", "routed", "no_rule")
KINDS = ("delivery", "transition", "tick", "completion")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event in a list. `runs` counts the runs it caused, by state."""

    id: int
    kind: str
    state: str
    reason: str | None
    source: str | None
    type: str | None
    about: str | None
    item_id: str | None
    parent_id: int | None
    depth: int
    received_at: datetime
    decided_at: datetime | None
    runs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOf:
    """A run that an event caused."""

    id: int
    rule_id: str
    state: str
    reason: str | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDetail:
    """Everything that is kept of an event. `body` is None when retention has removed it."""

    row: EventRow
    headers: Mapping[str, str]
    body: bytes | None
    facts: Mapping[str, object] | None
    facts_body: object
    runs: Sequence[RunOf]
    gave_up: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list of events is narrowed to."""

    state: str | None = None
    kind: str | None = None
    source: str | None = None
    type: str | None = None
    about: str | None = None


def page(conn: Connection, org: int, wanted: Filter, cut: Cut) -> Page[EventRow]:
    """A page of events, newest first."""
    statement = _narrowed(org, wanted)
    # An index has what became of events in this order, so that a state few have is found at once.
    decided = wanted.state in _OUTCOMES
    column = event_outcomes.c.event_id if decided else events.c.id
    is_found = wanted == Filter(state=wanted.state if decided else None)
    floor = None if is_found else scan_floor(cut, newest(conn, org))
    found = cut_page(conn, statement, column, cut, _read, floor=floor)
    counts = _run_counts(conn, org, [row.id for row in found.rows])
    return Page(rows=[_with_runs(row, counts[row.id]) for row in found.rows], older=found.older)


def detail(conn: Connection, org: int, id: int) -> EventDetail:
    """Raises NotFound."""
    row = conn.execute(_LIST.where(events.c.org_id == org, events.c.id == id)).first()
    if row is None:
        raise NotFound(f"there is no event evt_{id} here")
    kept = conn.execute(select(payloads).where(payloads.c.event_id == id)).first()
    known = conn.execute(select(facts).where(facts.c.event_id == id)).first()
    caused = conn.execute(_RUNS.where(runs.c.org_id == org, runs.c.event_id == id)).all()
    shown = _with_runs(_read(row), _count(caused))
    return EventDetail(
        row=shown,
        headers=orjson.loads(kept.headers) if kept and kept.headers else {},
        body=kept.body if kept else None,
        facts=known.data if known else None,
        facts_body=known.body if known else None,
        runs=[RunOf(**one._mapping) for one in caused],
        gave_up=_gave_up(conn, org, id),
    )


def newest(conn: Connection, org: int) -> int:
    """The id of the newest event; 0 where there is none."""
    query = select(events.c.id).where(events.c.org_id == org).order_by(events.c.id.desc()).limit(1)
    return conn.execute(query).scalar_one_or_none() or 0


def source_names(conn: Connection, org: int) -> list[str]:
    """The organization's sources, for a filter."""
    query = select(sources.c.name).where(sources.c.org_id == org).order_by(sources.c.name)
    return list(conn.execute(query).scalars())


_LIST: Select[Any] = (
    select(
        events.c.id,
        events.c.kind,
        events.c.state,
        events.c.reason,
        events.c.parent_id,
        events.c.depth,
        events.c.received_at,
        sources.c.name.label("source"),
        event_outcomes.c.state.label("outcome"),
        event_outcomes.c.reason.label("outcome_reason"),
        event_outcomes.c.type,
        event_outcomes.c.about,
        event_outcomes.c.item_id,
        event_outcomes.c.at.label("decided_at"),
    )
    .select_from(events)
    .outerjoin(event_outcomes, event_outcomes.c.event_id == events.c.id)
    .outerjoin(sources, sources.c.id == events.c.source_id)
)
_RUNS = select(
    runs.c.id,
    runs.c.rule_id,
    runs.c.state,
    runs.c.reason,
    runs.c.created_at,
    runs.c.ended_at,
).order_by(runs.c.id)


def _narrowed(org: int, wanted: Filter) -> Select[Any]:
    statement = _LIST.where(events.c.org_id == org)
    if wanted.state in _OUTCOMES:
        statement = statement.where(
            event_outcomes.c.org_id == org, event_outcomes.c.state == wanted.state
        )
    elif wanted.state:
        statement = statement.where(events.c.state == wanted.state)
    if wanted.kind:
        statement = statement.where(events.c.kind == wanted.kind)
    if wanted.source:
        statement = statement.where(sources.c.org_id == org, sources.c.name == wanted.source)
    if wanted.type:
        statement = statement.where(event_outcomes.c.type == wanted.type)
    if wanted.about:
        statement = statement.where(event_outcomes.c.about == wanted.about)
    return statement


def _read(row: Any) -> EventRow:
    return EventRow(
        id=row.id,
        kind=row.kind,
        state=row.outcome or row.state,
        reason=row.outcome_reason or row.reason,
        source=row.source,
        type=row.type,
        about=row.about,
        item_id=row.item_id,
        parent_id=row.parent_id,
        depth=row.depth,
        received_at=row.received_at,
        decided_at=row.decided_at,
    )


def _with_runs(row: EventRow, counts: Mapping[str, int]) -> EventRow:
    values = {name: getattr(row, name) for name in EventRow.__slots__}
    return EventRow(**{**values, "runs": dict(counts)})


def _run_counts(conn: Connection, org: int, ids: Sequence[int]) -> defaultdict[int, dict[str, int]]:
    counts: defaultdict[int, dict[str, int]] = defaultdict(dict)
    if ids:
        query = (
            select(runs.c.event_id, runs.c.state, func.count().label("number"))
            # `+ 0`: SQLite, which has no statistics, would rather read all runs there are.
            .where(runs.c.org_id + 0 == org, runs.c.event_id.in_(ids))
            .group_by(runs.c.event_id, runs.c.state)
        )
        for row in conn.execute(query):
            counts[row.event_id][row.state] = row.number
    return counts


def _count(rows: Sequence[Any]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        counts[row.state] += 1
    return counts


def _gave_up(conn: Connection, org: int, id: int) -> str | None:
    kinds = (Kind.EVENT, Kind.COMPLETION)
    query = select(dead.c.reason).where(
        dead.c.org_id == org, dead.c.kind.in_(kinds), dead.c.id == id
    )
    return conn.execute(query).scalars().first()
