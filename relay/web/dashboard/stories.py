"""The line under a row of the grid: what the item's last change set off, in a few hops."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from relay.storage.reads import runs as stored
from relay.web.dashboard.blueprint import runtime
from relay.web.dashboard.show import badge, first_line, plain
from relay.web.dashboard.words import is_booking, not_held, step_title
from rules.engine import Rule

_FRESH = timedelta(hours=24)  # an older success is no news
_OPEN = ("failed", "held", "running", "waiting")
_MOST = 4

Runs = Sequence[stored.RunRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One short statement; a tone where it needs somebody."""

    text: str
    icon: str
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What one run did for an item. `field` is the empty one that kept it from being booked."""

    run: stored.RunRow
    hops: Sequence[Hop]
    needs: bool
    others: int


def stories(
    conn: Connection, org: int, found: Mapping[str, Runs], now: datetime
) -> dict[str, Story]:
    """By item id; items with nothing new to tell are left out."""
    rules = runtime().setups.of(conn, org).rules.by_id
    steps = stored.step_rows(conn, [run.id for rows in found.values() for run in rows])
    told: dict[str, Story] = {}
    for item, rows in found.items():
        run = _chosen(rows, rules)
        needs = run.state in {"failed", "held", "filtered"}
        if run.state == "filtered" and not _books(run, rules):
            continue
        if needs or now - run.created_at < _FRESH:
            hops = _hops(run, steps.get(run.id, []))
            told[item] = Story(run=run, hops=hops, needs=needs, others=len(rows) - 1)
    return told


def _chosen(rows: Runs, rules: Mapping[str, Rule]) -> stored.RunRow:
    """Of several runs the one that is told: what needs somebody, then what was booked, then what
    came closest to being booked."""
    for state in _OPEN:
        if fitting := [run for run in rows if run.state == state]:
            return fitting[0]
    booking = [run for run in rows if _books(run, rules)]
    if done := [run for run in booking if run.state in {"succeeded", "skipped"}]:
        return done[0]
    if filtered := [run for run in booking if run.state == "filtered"]:
        return max(filtered, key=_nearness)
    return next((run for run in rows if run.state == "succeeded"), rows[0])


def _books(run: stored.RunRow, rules: Mapping[str, Rule]) -> bool:
    rule = rules.get(run.rule_id)
    return rule is not None and any(is_booking(step.use) for step in rule.do)


def _nearness(run: stored.RunRow) -> int:
    """How much of its condition held."""
    return sum(1 for clause in run.clauses if clause.get("held"))


def _hops(run: stored.RunRow, steps: Sequence[stored.StepRow]) -> list[Hop]:
    if run.state == "filtered":
        why = not_held(run.clauses) or first_line(run.reason)
        return [Hop(text=f"Not booked: {why}", icon="filtered", tone="warn")]
    hops = [_step(step) for step in steps if step.state != "not_run"]
    if run.state in {"held", "skipped"} or not hops:
        found = badge(run.state)
        why = f": {first_line(run.reason)}" if run.reason else ""
        hops.append(Hop(text=f"{found.word}{why}", icon=found.icon, tone=found.tone))
    return hops[-_MOST:]


def _step(step: stored.StepRow) -> Hop:
    found = badge(step.state)
    text = step_title(step.use)
    number = step.output.get("number") if isinstance(step.output, Mapping) else None
    if number:
        text = f"{text} {plain(number)}"
    if step.error:
        text = f"{text}: {first_line(step.error)}"
    elif step.attempts > 1:
        text = f"{text}, try {step.attempts}"
    return Hop(text=text, icon=found.icon, tone=found.tone)
