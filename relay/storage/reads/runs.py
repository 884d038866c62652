"""Runs as people see them: a page of them, and one with its steps, attempts and event."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from relay.core.errors import NotFound
from relay.storage.reads.page import Cut, Page, cut_page, scan_floor
from relay.storage.tables.runs import attempts, bookings, runs, steps
from relay.storage.tables.setup import rule_sets

STATES = (
    "waiting", "running", "held", "succeeded", "failed", "filtered", "skipped", "cancelled",
)  # fmt: skip

COUNTED = 10_000  # a filter's runs are counted so far


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run in a list. `done` of `steps` have succeeded; `tries` is the most any step took."""

    id: int
    event_id: int
    rule_id: str
    rule_hash: str
    set_hash: str
    state: str
    reason: str | None
    about: str | None
    item_id: str | None
    trigger: int
    clauses: Sequence[Mapping[str, Any]]
    held_by: int | None
    replay_of: int | None
    created_at: datetime
    ended_at: datetime | None
    next_at: datetime | None
    done: int = 0
    steps: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TryRow:
    """One attempt at a step, with what went over the wire."""

    id: int
    attempt: int
    at: datetime
    took_ms: float
    outcome: str
    message: str | None
    exchanges: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One step of a run."""

    n: int
    step_id: str
    use: str
    state: str
    input: Any
    output: Any
    changes: Mapping[str, Any] | None
    error: str | None
    key: str | None
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None
    tries: Sequence[TryRow] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail:
    """Everything that is kept of a run. `booked` are the bookings of its item made by it."""

    row: RunRow
    steps: Sequence[StepRow]
    booked: Sequence[Mapping[str, Any]]
    others: Sequence[RunRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a list of runs is narrowed to. `settled` False: nobody has looked after it yet."""

    state: str | None = None
    rule: str | None = None
    about: str | None = None
    item: str | None = None
    event: int | None = None
    connector: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    settled: bool | None = None


def page(conn: Connection, org: int, wanted: Filter, cut: Cut) -> Page[RunRow]:
    """A page of runs, newest first."""
    statement = _narrowed(org, wanted)
    scans = (wanted.connector, wanted.about, wanted.since, wanted.until)
    floor = scan_floor(cut, newest(conn, org)) if any(scans) else None
    found = cut_page(conn, statement, runs.c.id, cut, _read, floor=floor)
    return Page(rows=_with_steps(conn, found.rows), older=found.older)


def chosen(
    conn: Connection, org: int, wanted: Filter, states: Sequence[str], limit: int
) -> tuple[list[int], int]:
    """The oldest runs in these states that fit, and how many fit in all, up to `COUNTED`."""
    fitting = _narrowed(org, wanted).where(runs.c.state.in_(states)).with_only_columns(runs.c.id)
    found = list(conn.execute(fitting.order_by(runs.c.id).limit(limit)).scalars())
    if len(found) < limit:
        return found, len(found)
    counted = fitting.limit(COUNTED).subquery("fitting")
    return found, conn.execute(select(func.count()).select_from(counted)).scalar_one()


def _narrowed(org: int, wanted: Filter) -> Select[Any]:
    same = {
        runs.c.state: wanted.state or None,
        runs.c.rule_id: wanted.rule or None,
        runs.c.item_id: wanted.item or None,
        runs.c.event_id: wanted.event,
        runs.c.about: wanted.about or None,
    }
    narrow = [column == value for column, value in same.items() if value is not None]
    if wanted.connector:
        called = select(steps.c.run_id).where(
            steps.c.run_id == runs.c.id,
            steps.c.use.startswith(f"{wanted.connector}.", autoescape=True),
        )
        narrow.append(called.exists())
    if wanted.since is not None:
        narrow.append(runs.c.created_at >= wanted.since)
    if wanted.until is not None:
        narrow.append(runs.c.created_at < wanted.until)
    if wanted.settled is False:
        # All runs for one event are found by it.
        later = runs.alias("later")
        again = select(later.c.id).where(
            later.c.event_id == runs.c.event_id, later.c.replay_of == runs.c.id
        )
        narrow += [runs.c.settled.is_(None), ~again.exists()]
    return select(runs).where(runs.c.org_id == org, *narrow)


def some(conn: Connection, org: int, ids: Sequence[int]) -> list[RunRow]:
    """These runs, newest first."""
    mine = select(runs).where(runs.c.org_id == org, runs.c.id.in_(ids))
    rows = conn.execute(mine.order_by(runs.c.id.desc()))
    return _with_steps(conn, [_read(row) for row in rows])


def newest(conn: Connection, org: int) -> int:
    """The id of the newest run; 0 where there is none."""
    query = select(runs.c.id).where(runs.c.org_id == org).order_by(runs.c.id.desc()).limit(1)
    return conn.execute(query).scalar_one_or_none() or 0


def detail(conn: Connection, org: int, id: int) -> RunDetail:
    """Raises NotFound."""
    row = conn.execute(select(runs).where(runs.c.org_id == org, runs.c.id == id)).first()
    if row is None:
        raise NotFound(f"there is no run run_{id} here")
    (shown,) = _with_steps(conn, [_read(row)])
    beside = conn.execute(
        select(runs)
        .where(runs.c.org_id == org, runs.c.event_id == row.event_id, runs.c.id != id)
        .order_by(runs.c.id)
        .limit(20)
    )
    return RunDetail(
        row=shown,
        steps=_steps(conn, id),
        booked=_booked(conn, org, id),
        others=[_read(one) for one in beside],
    )


def last_of_items(conn: Connection, org: int, ids: Collection[str]) -> dict[str, list[RunRow]]:
    """For each item the runs of its last event that did or refused something."""
    if not ids:
        return {}
    newest_event = (
        select(runs.c.item_id, func.max(runs.c.event_id).label("event_id"))
        .where(runs.c.org_id == org, runs.c.item_id.in_(ids))
        .group_by(runs.c.item_id)
        .subquery()
    )
    query = (
        select(runs)
        .join(newest_event, newest_event.c.item_id == runs.c.item_id)
        .where(runs.c.org_id == org, runs.c.event_id == newest_event.c.event_id)
        .order_by(runs.c.id)
    )
    found: dict[str, list[RunRow]] = defaultdict(list)
    for row in _with_steps(conn, [_read(one) for one in conn.execute(query)]):
        found[str(row.item_id)].append(row)
    return found


def step_rows(conn: Connection, ids: Collection[int]) -> dict[int, list[StepRow]]:
    """The steps of several runs, without their attempts."""
    found: dict[int, list[StepRow]] = defaultdict(list)
    if ids:
        query = select(steps).where(steps.c.run_id.in_(ids)).order_by(steps.c.run_id, steps.c.n)
        for row in conn.execute(query):
            found[row.run_id].append(_step(row, ()))
    return found


def rule_text(conn: Connection, org: int, set_hash: str) -> dict[str, str] | None:
    """The files of the set that a run used; None where they are not kept."""
    query = select(rule_sets.c.texts).where(rule_sets.c.org_id == org, rule_sets.c.hash == set_hash)
    found: dict[str, str] | None = conn.execute(query).scalar_one_or_none()
    return found


def _read(row: Any) -> RunRow:
    return RunRow(
        id=row.id,
        event_id=row.event_id,
        rule_id=row.rule_id,
        rule_hash=row.rule_hash,
        set_hash=row.set_hash,
        state=row.state,
        reason=row.reason,
        about=row.about,
        item_id=row.item_id,
        trigger=row.trigger,
        clauses=row.clauses or (),
        held_by=row.held_by,
        replay_of=row.replay_of,
        created_at=row.created_at,
        ended_at=row.ended_at,
        next_at=row.next_at,
    )


def _with_steps(conn: Connection, rows: Sequence[RunRow]) -> list[RunRow]:
    counts: dict[int, Any] = {}
    if rows:
        ids = [row.id for row in rows]
        counts = {one.run_id: one for one in conn.execute(_COUNTS.where(steps.c.run_id.in_(ids)))}
    return [_counted(row, counts.get(row.id)) for row in rows]


_COUNTS: Select[Any] = select(
    steps.c.run_id,
    func.count().label("steps"),
    func.sum(case((steps.c.state == "succeeded", 1), else_=0)).label("done"),
    func.max(steps.c.attempts).label("tries"),
).group_by(steps.c.run_id)


def _counted(row: RunRow, counts: Any) -> RunRow:
    if counts is None:
        return row
    values = {name: getattr(row, name) for name in RunRow.__slots__}
    told = {"done": int(counts.done or 0), "steps": counts.steps, "tries": int(counts.tries or 0)}
    return RunRow(**{**values, **told})


def _steps(conn: Connection, run: int) -> list[StepRow]:
    tries: dict[int, list[TryRow]] = defaultdict(list)
    made = select(attempts).where(attempts.c.run_id == run).order_by(attempts.c.n, attempts.c.id)
    for row in conn.execute(made):
        tries[row.n].append(
            TryRow(
                id=row.id,
                attempt=row.attempt,
                at=row.at,
                took_ms=row.took_ms,
                outcome=row.outcome,
                message=row.message,
                exchanges=row.exchanges or (),
            )
        )
    rows = conn.execute(select(steps).where(steps.c.run_id == run).order_by(steps.c.n))
    return [_step(row, tries[row.n]) for row in rows]


def _step(row: Any, tries: Sequence[TryRow]) -> StepRow:
    return StepRow(
        n=row.n,
        step_id=row.step_id,
        use=row.use,
        state=row.state,
        input=row.input,
        output=row.output,
        changes=row.changes,
        error=row.error,
        key=row.key,
        attempts=row.attempts,
        started_at=row.started_at,
        ended_at=row.ended_at,
        tries=tries,
    )


def _booked(conn: Connection, org: int, run: int) -> list[Mapping[str, Any]]:
    # A run books for its own item, and bookings are found by item.
    item = select(runs.c.item_id).where(runs.c.org_id == org, runs.c.id == run).scalar_subquery()
    query = select(bookings).where(bookings.c.org_id == org, bookings.c.item_id == item)
    return [dict(row._mapping) for row in conn.execute(query.order_by(bookings.c.id))]
