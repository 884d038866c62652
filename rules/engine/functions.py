"""The functions rules have besides CEL's own. None takes null; an unfit value is an error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

SECONDS_DIGITS = 11
CLEAR_MARK = b"clear"  # no fact is bytes, so none can be taken for it


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What functions read besides their arguments: an organization's time zone and settings."""

    timezone: str = "UTC"
    settings: Mapping[str, object] = field(default_factory=dict)


surroundings: ContextVar[Surroundings] = ContextVar("surroundings", default=Surroundings())  # noqa: B039 - it is frozen


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """The time zone of that name; ValueError where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error


def days(number: float) -> timedelta:
    return timedelta(days=number)


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def moment(value: object) -> datetime | date:
    """A date or an aware time from text (`YYYY-MM-DD`, RFC 3339) or epoch digits: 13 of them are
    milliseconds, 10 are seconds."""
    if isinstance(value, str):
        text = value.strip()
        if text.lstrip("-").isdigit():
            return _from_epoch(int(text))
        return _from_text(text)
    if isinstance(value, datetime):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_epoch(int(value))
    raise ValueError(f"{value!r} is not a date")


def _from_text(text: str) -> datetime | date:
    try:
        if len(text) == len("2026-05-01"):
            return date.fromisoformat(text)
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _from_epoch(number: int) -> datetime:
    seconds = number if len(str(abs(number))) < SECONDS_DIGITS else number / 1000
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, OSError, ValueError) as error:
        raise ValueError(f"{number} is not a date") from error


def date_of(value: object) -> str:
    """`YYYY-MM-DD` in the organization's time zone."""
    return date_in(value, surroundings.get().timezone)


def date_in(value: object, timezone: str) -> str:
    at = moment(value)
    return (at.astimezone(zone(timezone)).date() if isinstance(at, datetime) else at).isoformat()


def epoch_ms(value: object) -> int:
    at = moment(value)
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day, tzinfo=zone(surroundings.get().timezone))
    return round(at.timestamp() * 1000)


def digits(text: str) -> str:
    return "".join(letter for letter in text if letter in "0123456789")


def translate(value: object, table: Mapping[str, object]) -> object:
    """A text as the table calls it, and each text of a list; what is not in it stays itself."""
    if isinstance(value, list):
        return [translate(one, table) for one in value]
    return table.get(value, value) if isinstance(value, str) else value


def setting(name: str) -> object:
    settings = surroundings.get().settings
    if name not in settings:
        raise ValueError(f"the organization has no setting {name!r}")
    return settings[name]


def null_to_clear() -> bytes:
    return CLEAR_MARK


@dataclass(frozen=True, slots=True)
class Function:
    """A function's forms: the types it takes (each form) and gives, as CEL names them."""

    name: str
    takes: tuple[tuple[str, ...], ...]
    gives: str
    call: Callable[..., object]
    help: str


_ANY_TIME = (("timestamp",), ("string",), ("int",), ("double",))

FUNCTIONS: tuple[Function, ...] = (
    Function("days", (("int",), ("double",)), "duration", days, "`days(14)`: two weeks"),
    Function("hours", (("int",), ("double",)), "duration", hours, "`hours(2)`"),
    Function("lower", (("string",),), "string", str.lower, "text in small letters"),
    Function("upper", (("string",),), "string", str.upper, "text in capitals"),
    Function("trim", (("string",),), "string", str.strip, "text without white space around it"),
    Function("date", _ANY_TIME, "string", date_of, "`YYYY-MM-DD` in the organization's time zone"),
    Function(
        "date",
        tuple((*form, "string") for form in _ANY_TIME),
        "string",
        date_in,
        '`date(x, "UTC")`: in another time zone',
    ),
    Function("epoch_ms", _ANY_TIME, "int", epoch_ms, "milliseconds since 1970"),
    Function("digits", (("string",),), "string", digits, "the digits of a text"),
    Function(
        "translate",
        tuple((kind, "table") for kind in ("string", "list", "int", "double", "bool")),
        "dyn",
        translate,
        '`translate(x, {"Ready": "Qualified"})`: a text, or each of a list, as the table has it',
    ),
    Function("setting", (("string",),), "dyn", setting, "a setting of the organization"),
    Function(
        "null_to_clear",
        ((),),
        "dyn",
        null_to_clear,
        "sends an explicit empty value; only in `with`",
    ),
)
NAMES = tuple(dict.fromkeys(function.name for function in FUNCTIONS))
