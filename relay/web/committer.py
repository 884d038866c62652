"""Group commit: requests hand their row to one thread and are answered after the COMMIT."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from relay import log as logging
from relay.core.errors import Unavailable
from relay.queue import ROUTE
from relay.runtime import Runtime
from relay.storage.events import Arrival, Stored, accept
from relay.web.patience import Patience

GROUP = 64
MOST = 1024  # that wait for their commit; who comes then is told to come again
WAIT = 8.0  # seconds a sender is kept waiting for the commit; the shortest deadline is 3 to 5
log = logging.get()

_Told = asyncio.Future[Stored]
_Group = list[tuple[Arrival, _Told]]


class Committer:
    """The one thread of this process that stores arrivals. Its callers share one event loop."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: SimpleQueue[tuple[Arrival, _Told]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._patience = Patience(WAIT)

    async def commit(self, arrival: Arrival) -> Stored:
        """Returns when it is durable. Raises Unavailable."""
        if len(self._patience) >= MOST:
            raise Unavailable("too many requests wait to be stored; send it again")
        if self._thread is None:
            self._start()
        told: _Told = asyncio.get_running_loop().create_future()
        self._waiting.put((arrival, told))
        try:
            return await self._patience.wait(told)
        except TimeoutError:
            raise Unavailable("the request was not stored in time; send it again") from None

    def _start(self) -> None:
        # After the server's fork, not before it: a thread does not survive one.
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            group = [self._waiting.get()]
            while len(group) < GROUP and not self._waiting.empty():
                group.append(self._waiting.get())
            self._store(group)

    def _store(self, group: _Group) -> None:
        try:
            stored = accept(self._runtime.db, [arrival for arrival, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever the store raises, the sender gets 503
            if len(group) > 1:
                # One row that the database refuses must not refuse the others.
                for one in group:
                    self._store([one])
                return
            log.error("accept_failed", error=str(error))
            _on_the_loop(_refuse, group)
            return
        _on_the_loop(_tell, group, stored)
        fresh = [result.id for result in stored if result.first is None]
        self._runtime.queue.wake(ROUTE, fresh)


def _on_the_loop(tell: Callable[..., None], group: _Group, *what: object) -> None:
    """For the whole group at once: each time wakes the loop."""
    # When the server has ended, nobody waits any more.
    with suppress(RuntimeError):
        group[0][1].get_loop().call_soon_threadsafe(tell, group, *what)


def _tell(group: _Group, stored: list[Stored]) -> None:
    for (_, told), result in zip(group, stored, strict=True):
        if not told.done():  # whoever has waited too long is gone
            told.set_result(result)


def _refuse(group: _Group) -> None:
    for _, told in group:
        if not told.done():
            told.set_exception(Unavailable("the request could not be stored; send it again"))
