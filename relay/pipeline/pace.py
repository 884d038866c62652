"""How often a CRM elsewhere is looked at, and what of its daily quota that may take."""

from datetime import UTC, datetime, timedelta

from relay.core import options
from relay.storage.connections import ConnectionRow
from relay.storage.watch import Cursor, WatchRow

POLL_SECONDS = 15
DAILY_QUOTA = 100_000
WATCH_SHARE = 40  # percent
FULL_PASS_HOURS = 6


def interval(row: ConnectionRow, state: WatchRow, spent: int, now: datetime) -> float:
    """Seconds until the next look: as often as set, but no more than the rest of the day's share
    of the quota allows at what a look costs."""
    at = now.astimezone(UTC)
    left_of_day = (_tomorrow(at) - at).total_seconds()
    free = left(row, state, spent, now)
    return max(poll_seconds(row), left_of_day * spent / free) if free > 0 else left_of_day


def left(row: ConnectionRow, state: WatchRow, spent: int, now: datetime) -> int:
    """The requests that the watch may still make today."""
    all_, watch_ = state.spent(now.astimezone(UTC).date())
    return min(quota(row) * share(row) // 100 - watch_, quota(row) - all_) - spent


def _tomorrow(at: datetime) -> datetime:
    return (at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def quota(row: ConnectionRow) -> int:
    """Requests a day that the key may make."""
    return options.whole(row.settings, "daily_quota", DAILY_QUOTA)


def share(row: ConnectionRow) -> int:
    """Percent of them that the watch may take."""
    return options.whole(row.settings, "watch_share", WATCH_SHARE)


def poll_seconds(row: ConnectionRow) -> float:
    """Seconds between two looks, where the quota allows it."""
    return float(options.whole(row.settings, "poll_seconds", POLL_SECONDS))


def is_pass_due(row: ConnectionRow, cursor: Cursor, now: datetime) -> bool:
    """Whether every item is to be looked at, or such a pass is to be gone on with."""
    hours = options.whole(row.settings, "full_pass_hours", FULL_PASS_HOURS)
    passed = cursor.passed_at
    return cursor.pass_start is not None or passed is None or now - passed > timedelta(hours=hours)
