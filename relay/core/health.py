"""How a hook fares: the run of failures that disables it, and the breaker that only delays.

Pure: the row before, what came, and the time give the row after and what people are to be told.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# Disabled when all three hold: so long without a success (a setting), failures so far apart, and so
# many.
WITHOUT_SUCCESS = timedelta(days=5)
APART = timedelta(hours=12)
FAILURES = 10
WARNINGS = (0.5, 0.7, 0.9)

WINDOW = timedelta(minutes=5)
BREAKER_TRIES = 10
BREAKER_SHARE = 0.7
SHORTEST_OPEN = 30.0
LONGEST_OPEN = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """One hook's. `warned` counts the warnings that were given in this run of failures."""

    since: datetime  # the last success, or when the hook was made
    last_success_at: datetime | None = None
    failures: int = 0
    first_failure_at: datetime | None = None
    last_failure_at: datetime | None = None
    warned: int = 0
    window_at: datetime | None = None
    window_tries: int = 0
    window_failures: int = 0
    open_until: datetime | None = None
    probe_until: datetime | None = None
    open_seconds: float = 0.0

    def is_open(self, now: datetime) -> bool:
        """Whether the breaker keeps everything back for now."""
        return self.open_until is not None and self.open_until > now

    @property
    def is_probing(self) -> bool:
        """Whether the breaker was open and no success has closed it: one try goes out."""
        return self.open_seconds > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """The health now; `warning` is the part of the time that has passed, where it is news."""

    health: Health
    warning: float | None = None
    is_dead: bool = False


def after(
    before: Health,
    successes: Sequence[bool],
    now: datetime,
    *,
    without_success: timedelta = WITHOUT_SUCCESS,
) -> After:
    """What a batch of tries makes of it, in the order they ended."""
    health = _windowed(before, now)
    for success in successes:
        health = _succeeded(health, now) if success else _failed(health, now)
    if health.failures == 0:
        return After(health=health)
    passed = (now - health.since) / without_success
    level = sum(1 for one in WARNINGS if passed >= one)
    warning = WARNINGS[level - 1] if level > health.warned else None
    health = replace(health, warned=max(level, health.warned))
    return After(health=health, warning=warning, is_dead=_is_dead(health, now, without_success))


def _is_dead(health: Health, now: datetime, without_success: timedelta) -> bool:
    first, last = health.first_failure_at, health.last_failure_at
    if first is None or last is None:
        return False
    long_enough = now - health.since >= without_success and last - first >= APART
    return long_enough and health.failures >= FAILURES


def _windowed(health: Health, now: datetime) -> Health:
    if health.window_at is not None and now - health.window_at < WINDOW:
        return health
    return replace(health, window_at=now, window_tries=0, window_failures=0)


def _succeeded(health: Health, now: datetime) -> Health:
    return replace(
        health,
        since=now,
        last_success_at=now,
        failures=0,
        first_failure_at=None,
        last_failure_at=None,
        warned=0,
        window_tries=health.window_tries + 1,
        open_until=None,
        probe_until=None,
        open_seconds=0.0,
    )


def _failed(health: Health, now: datetime) -> Health:
    failed = replace(
        health,
        failures=health.failures + 1,
        first_failure_at=health.first_failure_at or now,
        last_failure_at=now,
        window_tries=health.window_tries + 1,
        window_failures=health.window_failures + 1,
    )
    if failed.is_open(now):
        return failed
    share = failed.window_failures / failed.window_tries
    if not failed.is_probing and (
        failed.window_tries < BREAKER_TRIES or share < BREAKER_SHARE
    ):  # fmt: skip
        return failed
    seconds = min(max(SHORTEST_OPEN, failed.open_seconds * 2), LONGEST_OPEN)
    return replace(
        failed,
        open_until=now + timedelta(seconds=seconds),
        probe_until=None,
        open_seconds=seconds,
        window_at=now,
        window_tries=0,
        window_failures=0,
    )
