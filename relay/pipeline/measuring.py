"""What is counted and timed, under which names, and how it comes into the store."""

import threading
from collections.abc import Sequence

from relay import log as logging
from relay.runtime import Runtime
from relay.storage import measures as stored

EVERY = 5.0  # seconds
MOST_TRIES = 20  # of more, the number is of no interest

INBOUND = "inbound_requests"  # source, outcome
ACCEPT = "inbound_accept_seconds"
DELIVERIES = "deliveries"  # outcome, attempt
DELIVERY = "delivery_seconds"
LAG = "delivery_lag_seconds"  # lane: due → started
RESCUED = "sweeper_rescued"
LANES: Sequence[str] = ("first", "later", "bulk", "by_hand")
log = logging.get()


def keep(runtime: Runtime) -> None:
    """Writes what this process has counted; what cannot be written is kept for the next time."""
    taken = runtime.measures.take()
    if not taken:
        return
    try:
        with runtime.db.write() as conn:
            stored.add(conn, taken)
    except Exception as error:  # noqa: BLE001 - figures must not end what they are about
        runtime.measures.give_back(taken)
        log.warning("measures_not_kept", error=type(error).__name__)


class Keeper:
    """Keeps them every few seconds, from a thread of its own. Start it after the fork."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="measures", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """The last of them is written, too."""
        self._over.set()
        self._thread.join(timeout=5)
        keep(self._runtime)

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            keep(self._runtime)
