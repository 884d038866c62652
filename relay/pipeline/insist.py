"""A record that is worth asking for again: the database was away for a moment, or threw out one of
two who waited for each other."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy.exc import InterfaceError, OperationalError

from relay import log as logging
from relay.core.errors import Unavailable

PAUSES: Sequence[float] = (0.05, 0.25, 1.0, 2.0, 4.0)  # seconds; a lease outlasts their sum
T = TypeVar("T")
log = logging.get()


def insist(record: Callable[[], T], *, pauses: Sequence[float] = PAUSES) -> T:
    """What `record` gives. It has to be one transaction that is fenced: where it was written and
    the answer was lost, the second time changes nothing. Raises what the last try raised."""
    for pause in pauses:
        try:
            return record()
        except (OperationalError, InterfaceError, Unavailable) as error:
            log.warning("record_asked_for_again", error=type(error).__name__)
            threading.Event().wait(pause)
    return record()
