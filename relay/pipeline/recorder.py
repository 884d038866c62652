"""A thread that writes down what calls brought, in small batches as they end, so that nobody waits
for the slowest."""

import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Recorder(Generic[T]):
    """`write` is given up to `most` at once, and raises nothing. One waits `linger` seconds for
    company at most, as long as `flying` tells that more may come."""

    def __init__(
        self,
        write: Callable[[Sequence[T]], None],
        *,
        most: int,
        flying: Callable[[], int],
        linger: float,
        name: str,
    ) -> None:
        self._write = write
        self._most = most
        self._flying = flying
        self._linger = linger
        self._brought: SimpleQueue[T | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, one: T) -> None:
        """Returns at once."""
        self._brought.put(one)

    def close(self) -> None:
        """Writes what has come and ends the thread."""
        self._brought.put(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (first := self._brought.get()) is not None:
            batch = [first]
            is_last = self._gather(batch)
            self._write(batch)
            if is_last:
                return

    def _gather(self, batch: list[T]) -> bool:
        """What is there, and what comes in a moment; whether nothing will come after it."""
        until = time.monotonic() + self._linger
        while len(batch) < self._most:
            # Where nothing else is in flight there is no company to come.
            left = until - time.monotonic() if len(batch) < self._flying() else 0.0
            try:
                more = self._brought.get(timeout=left) if left > 0 else self._brought.get_nowait()
            except Empty:
                return False
            if more is None:
                return True
            batch.append(more)
        return False
