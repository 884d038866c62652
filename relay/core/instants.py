"""Moments that senders write as seconds since the epoch, or as ISO 8601 text."""

from datetime import UTC, datetime

from relay.core.errors import Unreadable
from relay.core.facts import a_text


def at(value: object) -> datetime | None:
    """The moment of a number of seconds; None for nothing. Raises Unreadable for what is none."""
    text = a_text(value)
    if text is None:
        return None
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"{text[:40]!r} is not a time") from error


def iso(value: object) -> datetime | None:
    """The moment of an ISO 8601 text, in UTC where it names no zone; None for what is none."""
    try:
        found = datetime.fromisoformat(a_text(value) or "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def day(value: object) -> str | None:
    """The day, in UTC, of a number of seconds. Raises Unreadable."""
    found = at(value)
    return None if found is None else found.date().isoformat()
