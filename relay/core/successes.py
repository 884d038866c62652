"""Successes that are not written down yet: of a hook that does well, once a second is enough."""

import threading
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

EVERY = timedelta(seconds=1)


class Successes:
    """One process's, by hook. Thread-safe.

    A crash loses the counts of the last second, which only the breaker weighs; what follows a
    failure, or the first success in a while, is written at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written: dict[int, datetime] = {}
        self._kept: dict[int, int] = {}

    def due(self, counts: Mapping[int, int], now: datetime) -> list[tuple[int, int]]:
        """The hooks of `counts` whose successes are to be written now, with what was kept back."""
        with self._lock:
            return [
                (hook, count + self._kept.get(hook, 0))
                for hook, count in counts.items()
                if self._is_due(hook, now)
            ]

    def are_fresh(self, hook: int, now: datetime) -> bool:
        """Whether one was written a moment ago, and nothing has failed here since."""
        with self._lock:
            return not self._is_due(hook, now)

    def kept(self, hook: int) -> int:
        """How many are not written."""
        with self._lock:
            return self._kept.get(hook, 0)

    def noted(self, counts: Mapping[int, int], failed: Collection[int], now: datetime) -> None:
        """What was due is written, after the commit, and so are the hooks that failed; the rest is
        kept back. `now` is that of `due`."""
        with self._lock:
            for hook in failed:
                self._written.pop(hook, None)
                self._kept.pop(hook, None)
            for hook, count in counts.items():
                if self._is_due(hook, now):
                    self._written[hook] = now
                    self._kept.pop(hook, None)
                else:
                    self._kept[hook] = self._kept.get(hook, 0) + count

    def _is_due(self, hook: int, now: datetime) -> bool:
        written = self._written.get(hook)
        return written is None or now - written >= EVERY
