"""When a schedule or a held value comes due: pure functions of the time they are given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cronsim import CronSim, CronSimError

from rules.engine.durations import parse_duration
from rules.engine.functions import zone
from rules.engine.model import Trigger

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CRON_FIELDS = 5


@lru_cache(maxsize=1024)
def is_cron(text: str) -> bool:
    """Whether the text is five cron fields."""
    if len(text.split()) != CRON_FIELDS:
        return False
    try:
        CronSim(text, _EPOCH)
    except CronSimError:
        return False
    return True


@lru_cache(maxsize=1024)
def is_timezone(name: str) -> bool:
    try:
        zone(name)
    except ValueError:
        return False
    return True


def next_time(trigger: Trigger, after: datetime, timezone: str) -> datetime | None:
    """The first time of a `scheduled` trigger after `after`, in UTC; None where none will come.
    Cron fields are read in the trigger's time zone, or else the organization's: a time that the
    clock skips in spring is taken right after, one that comes twice in autumn is taken once.
    A length of time is counted from 1970, so that restarts do not shift it."""
    every = trigger.every or parse_duration(trigger.subject)
    if every:
        return _EPOCH + ((after - _EPOCH) // every + 1) * every
    local = after.astimezone(zone(trigger.timezone or timezone))
    try:
        return next(CronSim(trigger.subject, local)).astimezone(UTC)
    except StopIteration:
        return None


def last_time(trigger: Trigger, until: datetime, timezone: str) -> datetime | None:
    """The last time of a `scheduled` trigger up to and with `until`: the one that is made up for
    when several were missed."""
    every = trigger.every or parse_duration(trigger.subject)
    if every:
        return _EPOCH + (until - _EPOCH) // every * every
    minute = until.replace(second=0, microsecond=0) + timedelta(minutes=1)
    local = minute.astimezone(zone(trigger.timezone or timezone))
    try:
        return next(CronSim(trigger.subject, local, reverse=True)).astimezone(UTC)
    except StopIteration:
        return None


def held_until(trigger: Trigger, since: datetime) -> datetime | None:
    """When a `changed … for` trigger comes due for a value held since then."""
    return since + trigger.held_for if trigger.held_for else None


def clear_to_fire(last: datetime | None, every: timedelta | None, now: datetime) -> bool:
    """Whether `once: {per: item, every}` allows another firing."""
    return last is None or (every is not None and now - last >= every)
