"""Group commit: requests hand their row to one thread and are answered after the COMMIT."""

import threading
from dataclasses import dataclass
from queue import SimpleQueue

from relay import log as logging
from relay.core.errors import Unavailable
from relay.queue import ROUTE
from relay.runtime import Runtime
from relay.storage.events import Arrival, Stored, accept

GROUP = 64
WAIT = 8.0  # seconds a sender is kept waiting for the commit; the shortest deadline is 3 to 5
log = logging.get()


@dataclass(slots=True)
class _Waiting:
    """An arrival and whoever waits for its commit: `done` is locked until then. A bare lock costs
    a fifth of an Event."""

    arrival: Arrival
    done: threading.Lock
    stored: Stored | None = None
    error: Exception | None = None


class Committer:
    """The one thread of this process that stores arrivals."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: SimpleQueue[_Waiting] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def commit(self, arrival: Arrival) -> Stored:
        """Returns when it is durable. Raises Unavailable."""
        self._start()
        waiting = _Waiting(arrival, threading.Lock())
        waiting.done.acquire()
        self._waiting.put(waiting)
        if not waiting.done.acquire(timeout=WAIT) or waiting.stored is None:
            raise Unavailable("the request could not be stored; send it again") from waiting.error
        return waiting.stored

    def _start(self) -> None:
        if self._thread is None:
            # After the server's fork, not before it: a thread does not survive one.
            with self._starting:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            group = [self._waiting.get()]
            while len(group) < GROUP and not self._waiting.empty():
                group.append(self._waiting.get())
            self._store(group)

    def _store(self, group: list[_Waiting]) -> None:
        try:
            stored = accept(self._runtime.db, [one.arrival for one in group])
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the sender gets 503
            if len(group) > 1:
                # One row that the database refuses must not refuse the others.
                for one in group:
                    self._store([one])
                return
            log.error("accept_failed", error=str(error))
            group[0].error = error
            group[0].done.release()
            return
        for one, result in zip(group, stored, strict=True):
            one.stored = result
            one.done.release()
        fresh = [result.id for result in stored if result.first is None]
        self._runtime.queue.wake(ROUTE, fresh)
