"""Waking a worker, in batches, after the commit. The broker only wakes: rows are the truth."""

import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Protocol

from relay import log as logging

CHUNK = 64
# A process wakes at once and then rests, the longer the more it woke: at a hundred events a second
# each has its own message, and from a few hundred they go together. A message for each committed
# group cost a quarter more CPU and eight times the median then.
PAUSE_EACH = 0.006
PAUSE_MOST = 0.020

# The task that each kind of work is woken by; `workers.tasks` has one of each name.
ROUTE, COMPLETE, ACT, DELIVER = "relay.route", "relay.complete", "relay.act", "relay.deliver"
WATCH, MAIL, SWEEP = "relay.watch", "relay.mail", "relay.sweep"
ALONE = "relay.alone"  # what workers died with: how many there are
TASKS = frozenset({ROUTE, COMPLETE, ACT, DELIVER, WATCH, MAIL, SWEEP, ALONE})

log = logging.get()


class Queue(Protocol):
    """Wakes workers for rows that are committed."""

    def wake(self, task: str, ids: Sequence[int]) -> None: ...

    def close(self) -> None: ...


class Silent:
    """Wakes nobody: without a broker the sweep alone finds the work."""

    def wake(self, task: str, ids: Sequence[int]) -> None:
        del task, ids

    def close(self) -> None: ...


class Waker:
    """Publishes from one background thread. A publish that fails is dropped and counted: the sweep
    has it."""

    def __init__(self, send: Callable[[str, list[int]], None]) -> None:
        self._send = send
        self._waiting: SimpleQueue[tuple[str, Sequence[int]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self.dropped = 0

    def wake(self, task: str, ids: Sequence[int]) -> None:
        """Returns at once."""
        if not ids:
            return
        if self._thread is None:
            # After the fork, not before it: a thread does not survive one.
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
                    self._thread.start()
        self._waiting.put((task, ids))

    def close(self) -> None:
        """Publishes what waits and ends the thread."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join(timeout=5)

    def _run(self) -> None:
        open_ = True
        while open_:
            first = self._waiting.get()
            if first is None:
                return
            batch = [first]
            open_ = self._rest(batch)
            began = time.monotonic()
            self._publish(batch)
            came = sum(len(ids) for _, ids in batch)
            rest = min(came * PAUSE_EACH, PAUSE_MOST) - (time.monotonic() - began)
            if rest > 0 and open_:
                threading.Event().wait(rest)

    def _rest(self, batch: list[tuple[str, Sequence[int]]]) -> bool:
        while True:
            try:
                more = self._waiting.get_nowait()
            except Empty:
                return True
            if more is None:
                return False
            batch.append(more)

    def _publish(self, batch: Sequence[tuple[str, Sequence[int]]]) -> None:
        by_task: dict[str, list[int]] = {}
        for task, ids in batch:
            by_task.setdefault(task, []).extend(ids)
        for task, found in by_task.items():
            for start in range(0, len(found), CHUNK):
                self._one(task, found[start : start + CHUNK])

    def _one(self, task: str, ids: list[int]) -> None:
        try:
            self._send(task, ids)
        except Exception as error:  # noqa: BLE001 - whatever the broker's client raises, the sweep has it
            self.dropped += 1
            log.warning("wake_dropped", task=task, ids=len(ids), error=str(error))
