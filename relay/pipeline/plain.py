"""Stored values as plain JSON: times in UTC, amounts digit by digit, secrets masked."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from relay.http.exchange import MASK, mask, mask_headers, shown

# Names under which people and senders keep what nobody else may read.
_SECRET = re.compile(
    r"^(?:.*[_-])?(?:password|passwd|secret|token|api[_-]?key|authorization|credentials?)$", re.I
)
_TOKEN_IN_PATH = re.compile(r"(/in/[^/?#]+/)[^/?#\s]{16,}")


def plain(value: Any) -> Any:
    """The value with nothing in it but what JSON has. A Decimal becomes text, so that no reader
    rounds it; what stands under a secret's name is masked."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): _under(str(key), inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
        case bytes():
            return shown(value)
        case _:
            return _text(value)


def _text(value: object) -> str | None:
    match value:
        case Decimal():
            return format(value, "f") if value.is_finite() else str(value)
        case datetime():
            return time(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def time(value: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def headers(given: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be shown; what we keep of the request line is not among them."""
    return mask_headers({name: text for name, text in given.items() if not name.startswith(":")})


def address(url: str) -> str:
    """A URL as it may be shown: whoever knows an inbound address may send to it."""
    return mask(_TOKEN_IN_PATH.sub(rf"\1{MASK}", url))


def _under(name: str, value: Any) -> Any:
    if isinstance(value, str) and value and _SECRET.match(name):
        return MASK
    return plain(value)
