"""Hours in which nobody is told of anything: `22:00-07:00`, in the organization's time zone."""

import re
from datetime import datetime, time
from zoneinfo import ZoneInfo

from relay.core.errors import InvalidInput

NEVER = ""
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def quiet_hours(text: str) -> str:
    """The hours as they are kept; `none` for never. Raises InvalidInput."""
    if text.strip() in {NEVER, "none"}:
        return NEVER
    hours = re.sub(r"\s", "", text)
    if not _HOURS.fullmatch(hours):
        raise InvalidInput(f"quiet hours are written 22:00-07:00, or none, not {text!r}")
    if hours[:5] == hours[6:]:
        raise InvalidInput("quiet hours that never end: nobody would be told of anything")
    return hours


def is_quiet(hours: str, zone: str, now: datetime) -> bool:
    """Whether these are such hours; they may go over midnight."""
    if hours == NEVER:
        return False
    begin, end = (time.fromisoformat(one) for one in hours.split("-"))
    at = now.astimezone(ZoneInfo(zone)).time()
    return begin <= at < end if begin < end else at >= begin or at < end
