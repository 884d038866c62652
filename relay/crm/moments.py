"""Days and instants, in every form in which senders write them."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

_DAY = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_WHOLE = re.compile(r"-?\d{1,18}")
_SECONDS = re.compile(r"\d{10}")
_MILLISECONDS = re.compile(r"\d{13}")
_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:\d\d)"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_TEXT = 40


def day_of(value: object) -> date | None:
    """The day a value of a mapping means (in UTC, where it is an instant); None for no date."""
    try:
        return date.fromisoformat(to_day(value, mapped=True))
    except (ValueError, OverflowError):
        return None


def instant(milliseconds: int) -> datetime:
    """The aware time of so many milliseconds since the epoch."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def milliseconds(at: datetime) -> int:
    """Milliseconds since the epoch, cut off."""
    return (at - _EPOCH) // timedelta(milliseconds=1)


def to_day(value: object, *, mapped: bool) -> str:
    """YYYY-MM-DD. Raises ValueError or OverflowError for what is no day."""
    if isinstance(value, str) and (day := _DAY.fullmatch(value.strip())):
        return date(int(day[1]), int(day[2]), int(day[3])).isoformat()
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return instant(to_instant(value, mapped=mapped)).date().isoformat()


def to_instant(value: object, *, mapped: bool) -> int:
    """Milliseconds since the epoch. Raises ValueError or OverflowError for what is no instant."""
    match value:
        case datetime() if value.tzinfo is not None:
            at = milliseconds(value)
        case date() if not isinstance(value, datetime):
            at = milliseconds(datetime(value.year, value.month, value.day, tzinfo=UTC))
        case str() if day := _DAY.fullmatch(value.strip()):
            at = milliseconds(datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC))
        case bool():
            raise ValueError(value)
        case str() | int() | float() | Decimal():
            at = (_mapped_instant if mapped else _wire_instant)(_digits(value))
        case _:
            raise ValueError(value)
    instant(at)
    return at


def _wire_instant(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _mapped_instant(text: str) -> int:
    if _MILLISECONDS.fullmatch(text):
        return int(text)
    if _SECONDS.fullmatch(text):
        return int(text) * 1000
    if _RFC_3339.fullmatch(text):
        return milliseconds(datetime.fromisoformat(text.upper()))
    raise ValueError(text)


def _digits(value: str | float | Decimal) -> str:
    """The text; a number without its exponent and without zeros behind the point."""
    if isinstance(value, float):
        value = Decimal(str(value))
    if not isinstance(value, Decimal):
        return str(value).strip()[:_MOST_TEXT]
    if value != value.to_integral_value() or value.adjusted() > _MOST_TEXT:
        raise ValueError(value)
    return str(int(value))
