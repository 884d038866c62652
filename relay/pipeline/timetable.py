"""Which of an organization's deadlines its live rules still wait for, and when each comes due."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection

from relay.storage import deadlines as stored
from relay.storage.deadlines import Schedule, Stay
from rules.engine import Rule, RuleSet, Trigger, held_until, holds_value, next_time


def arrange(conn: Connection, org: int, rules: RuleSet, timezone: str, now: datetime) -> None:
    """Called when rules or the time zone change. What a rule waited for before, it waits for
    still: only a `for` that is another length is counted anew from where its stay began."""
    _arrange_schedules(conn, org, rules, timezone, now)
    for stay in stored.waiting_stays(conn, org):
        rule = rules.by_id.get(stay.rule)
        number = None if rule is None else stay_trigger(rule, stay)
        if rule is None or number is None:
            stored.end_stays(conn, [stay])
            continue
        due = held_until(rule.when[number], stay.since)
        if due != stay.due_at:
            stored.move_stay(conn, stay, due)


def _arrange_schedules(
    conn: Connection, org: int, rules: RuleSet, timezone: str, now: datetime
) -> None:
    wanted = {
        (match.rule.id, spec(trigger, timezone)): trigger
        for match in rules.scheduled
        for trigger in (match.rule.when[match.trigger],)
    }
    known = {(one.rule, one.spec): one for one in stored.schedules_of(conn, org)}
    for key, one in known.items():
        if key not in wanted:
            stored.drop_schedule(conn, one)
    for (rule, words), trigger in wanted.items():
        if (rule, words) not in known:
            at = next_time(trigger, now, timezone)
            new = Schedule(org=org, rule=rule, spec=words, next_at=at, progress=None)
            stored.add_schedule(conn, new)


def spec(trigger: Trigger, timezone: str) -> str:
    """A schedule in words: another zone or list is another schedule."""
    zone = trigger.timezone or timezone
    return f"{trigger.subject} | {zone} | {trigger.list or ''}"


def schedule_trigger(rule: Rule, words: str, timezone: str) -> int | None:
    """Which of the rule's triggers the schedule is of; None where it is of none any more."""
    return _first(rule, lambda one: one.kind == "scheduled" and spec(one, timezone) == words)


def stay_trigger(rule: Rule, stay: Stay) -> int | None:
    """Which of the rule's triggers the stay is of; None where none waits for it any more."""
    return _first(
        rule,
        lambda one: (
            one.held_for is not None
            and (one.list, one.subject) == (stay.list, stay.field)
            and holds_value(one, stay.value)
        ),
    )


def _first(rule: Rule, fits: Callable[[Trigger], bool]) -> int | None:
    if not rule.enabled:
        return None
    return next((number for number, one in enumerate(rule.when) if fits(one)), None)
