"""What a process has counted and timed since it wrote it down last; cheap for any request to do."""

import threading
from bisect import bisect_left
from collections.abc import Mapping, Sequence

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]

# Upper bounds in seconds: from an accept to a subscriber that takes its half minute.
BOUNDS: Sequence[float] = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600),
)
BOUND_NAMES = (*(f"{bound:g}" for bound in BOUNDS), "+Inf")
BUCKET, SUM = "_bucket", "_sum"


class Measures:
    """Thread-safe. `take` gives what has come together, and begins anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[Key, float] = {}

    def count(self, name: str, by: float = 1.0, **labels: str) -> None:
        """So many more."""
        key = (name, tuple(labels.items()))
        with self._lock:
            self._values[key] = self._values.get(key, 0.0) + by

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """One that took so long."""
        given = tuple(labels.items())
        bucket = (name + BUCKET, (*given, ("le", BOUND_NAMES[bisect_left(BOUNDS, seconds)])))
        total = (name + SUM, given)
        with self._lock:
            self._values[bucket] = self._values.get(bucket, 0.0) + 1
            self._values[total] = self._values.get(total, 0.0) + seconds

    def take(self) -> Mapping[Key, float]:
        """Everything since the last time."""
        with self._lock:
            taken, self._values = self._values, {}
        return taken

    def give_back(self, taken: Mapping[Key, float]) -> None:
        """What could not be written."""
        with self._lock:
            for key, value in taken.items():
                self._values[key] = self._values.get(key, 0.0) + value
