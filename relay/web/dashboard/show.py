"""How things are written for people: times, amounts, outcomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import g, has_request_context, request

from relay.core import exact_json

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_LONGEST = 160


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """An outcome as icon, word and tone. Fine is quiet; what needs somebody is tinted."""

    word: str
    icon: str
    tone: str = ""


_BADGES: Mapping[str, Badge] = {
    "accepted": Badge(word="Accepted", icon="ok", tone="ok"),
    "routed": Badge(word="Accepted", icon="ok", tone="ok"),
    "succeeded": Badge(word="Succeeded", icon="ok", tone="ok"),
    "delivered": Badge(word="Delivered", icon="ok", tone="ok"),
    "booked": Badge(word="Booked", icon="ok", tone="ok"),
    "active": Badge(word="Working", icon="ok", tone="ok"),
    "on": Badge(word="On", icon="ok", tone="ok"),
    "paid": Badge(word="Paid", icon="ok", tone="ok"),
    "received": Badge(word="Received", icon="waiting", tone="run"),
    "running": Badge(word="Running", icon="running", tone="run"),
    "waiting": Badge(word="Waiting", icon="waiting", tone="run"),
    "pending": Badge(word="Waiting", icon="waiting", tone="run"),
    "open": Badge(word="Not booked yet", icon="waiting", tone="run"),
    "duplicate": Badge(word="Duplicate", icon="duplicate", tone="idle"),
    "no_rule": Badge(word="No rule", icon="norule", tone="idle"),
    "filtered": Badge(word="Filtered", icon="filtered", tone="idle"),
    "skipped": Badge(word="Skipped", icon="skipped", tone="idle"),
    "not_run": Badge(word="Not run", icon="skipped", tone="idle"),
    "cancelled": Badge(word="Cancelled", icon="cancelled", tone="idle"),
    "captured": Badge(word="Captured", icon="sandbox", tone="idle"),
    "failed": Badge(word="Failed", icon="failed", tone="bad"),
    "rejected": Badge(word="Rejected", icon="rejected", tone="bad"),
    "unreadable": Badge(word="Unreadable", icon="failed", tone="bad"),
    "needs_reconnect": Badge(word="Connect again", icon="failed", tone="bad"),
    "disabled": Badge(word="Off", icon="cancelled", tone="bad"),
    "held": Badge(word="Held", icon="held", tone="warn"),
    "paused": Badge(word="Paused", icon="held", tone="warn"),
    "sent": Badge(word="Outcome unknown", icon="warn", tone="warn"),
}


def badge(state: str) -> Badge:
    """An unknown state is shown as it is called."""
    return _BADGES.get(state) or Badge(word=state, icon="info", tone="idle")


def zone() -> ZoneInfo:
    """The zone that times are written in: the organization's own, or UTC by choice."""
    if not has_request_context() or request.cookies.get("zone") == "utc":
        return ZoneInfo("UTC")
    own = getattr(g.get("organization"), "time_zone", "UTC")
    try:
        return ZoneInfo(own)
    except ZoneInfoNotFoundError:
        return ZoneInfo("UTC")


def ago(at: datetime, now: datetime) -> str:
    """`8 s`, `3 min`, `5 h`, `yesterday`, `9 May`, `9 May 2025`."""
    seconds = (now - at).total_seconds()
    if seconds < 0:
        return f"in {_span(-seconds)}" if seconds < -1 else "now"
    if seconds < _DAY:
        return _span(seconds)
    local, today = at.astimezone(zone()).date(), now.astimezone(zone()).date()
    if (today - local).days == 1:
        return "yesterday"
    day = f"{local.day} {local:%b}"
    return day if local.year == today.year else f"{day} {local.year}"


def _span(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{int(seconds)} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min"
    return f"{int(seconds // _HOUR)} h"


def clock(at: datetime) -> str:
    """The time of day, to the second."""
    return f"{at.astimezone(zone()):%H:%M:%S}"


def fine_clock(at: datetime) -> str:
    """The time of day, to the millisecond."""
    local = at.astimezone(zone())
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"


def full(at: datetime) -> str:
    """Day, time and zone."""
    local = at.astimezone(zone())
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M:%S}, {place(zone().key)}"


def place(zone_name: str) -> str:
    """`America/New_York` as people say it."""
    return zone_name.rpartition("/")[2].replace("_", " ")


def took(ms: float | None) -> str:
    """`under 1 ms`, `34 ms`, `1.3 s`, `12 min`."""
    if ms is None:
        return ""
    if ms < 1:
        return "under 1 ms"
    if ms < 1000:  # noqa: PLR2004 - a second
        return f"{ms:.0f} ms"
    if ms < _MINUTE * 1000:
        return f"{ms / 1000:.1f} s"
    return _span(ms / 1000)


def span_ms(start: datetime | None, end: datetime | None) -> float | None:
    """Milliseconds from one to the other."""
    if start is None or end is None:
        return None
    return (end - start).total_seconds() * 1000


def money(amount: object) -> str:
    """Thousands apart, two places at least; what is no number stays as it is."""
    try:
        value = Decimal(str(amount))
    except InvalidOperation:
        return str(amount)
    if not value.is_finite():
        return str(amount)
    exponent = value.as_tuple().exponent
    places = max(2, -exponent) if isinstance(exponent, int) else 2
    return f"{value:,.{places}f}"


def plain(value: object) -> str:
    """A value as one line of text."""
    if isinstance(value, Mapping):
        name = value.get("name")
        return name if isinstance(name, str) else _joined(value)
    if isinstance(value, list | tuple):
        return ", ".join(plain(one) for one in value)
    return _scalar(value)


def _joined(value: Mapping[object, object]) -> str:
    return ", ".join(f"{key} {plain(inner)}" for key, inner in value.items())


def _scalar(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:f}"
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case _:
            return str(value)


def short(value: object) -> str:
    """The same, cut where it would fill the page."""
    text = plain(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def setting(value: object) -> str:
    """A setting as its field takes it: a map as JSON, all else as text."""
    if isinstance(value, (dict, list)):
        return exact_json.dumps(value)
    return "" if value is None else str(value)


def option(value: object) -> str:
    """An option of a source as its field takes it: a list with commas, all else as text."""
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0]


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 run`, `1,284 runs`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
