"""The only module that asks what time it is."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Says what time it is, aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)
