"""The one metadata, and the column types that mean the same on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import BigInteger, DateTime, Integer, MetaData, Text, types
from sqlalchemy.engine import Dialect

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives row numbers to INTEGER PRIMARY KEY only; its integers are 64 bits wide anyway.
BigId = BigInteger().with_variant(Integer(), "sqlite")


class Time(types.TypeDecorator[datetime]):
    """An aware time, kept in UTC. Refuses naive ones; SQLite keeps microseconds since the epoch."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> types.TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Integer())
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: times are stored in UTC")
        return to_micros(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return from_micros(value) if dialect.name == "sqlite" else value.astimezone(UTC)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_micros(value: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    delta = value - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(value: int) -> datetime:
    """The aware UTC time of so many microseconds since the epoch."""
    seconds, micros = divmod(value, 1_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)


class Json(types.TypeDecorator[Any]):
    """Any JSON value as text; Decimal, datetime and date keep their type. None is SQL NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else dump(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        del dialect
        return None if value is None else load(value)


def dump(value: object) -> str:
    """JSON text of a value. NUL, which PostgreSQL cannot store, becomes U+FFFD."""
    tags = 0

    def tag(inner: object) -> object:
        nonlocal tags
        tags += 1
        return _tag(inner)

    text = _text(value, tag)
    if text.count('"$') > tags:  # others than ours
        text = _text(_escape(value), _tag)
    return text.replace("\\u0000", "\\ufffd") if "\\u0000" in text else text


def _text(value: object, tag: Callable[[object], object]) -> str:
    return orjson.dumps(value, default=tag, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _escape(value: object) -> object:
    """A sender's own keys that begin with `$` get a second one, so that none reads as a tag."""
    if isinstance(value, dict):
        return {
            f"${key}" if key.startswith("$") else key: _escape(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_escape(inner) for inner in value]
    return value


def load(text: str) -> Any:
    """What `dump` wrote, with its types."""
    value = orjson.loads(text)
    return _untag(value) if '"$' in text else value


def _tag(value: object) -> object:
    match value:
        case Decimal():
            return {"$n": str(value)}
        case datetime():
            return {"$t": value.isoformat()}
        case date():
            return {"$d": value.isoformat()}
        case _:
            raise TypeError(f"{type(value).__name__} cannot be kept as JSON: {value!r}")


_READERS: dict[str, Callable[[str], object]] = {
    "$n": Decimal,
    "$t": datetime.fromisoformat,
    "$d": date.fromisoformat,
}


def _untag(value: Any) -> Any:
    if isinstance(value, dict):
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key in _READERS and isinstance(inner, str):
                return _READERS[key](inner)
        return {key.removeprefix("$"): _untag(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_untag(inner) for inner in value]
    return value
