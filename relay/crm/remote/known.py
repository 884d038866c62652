"""What a process has learned of the CRMs elsewhere, by connection: definitions, and opened keys."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from relay.crm.remote.definitions import Definitions

Secrets = Mapping[str, str]


@dataclass(slots=True)
class Known:
    """One of each process. What was opened under an older version of the organization's set-up is
    opened anew."""

    _definitions: dict[int, Definitions] = field(default_factory=dict)
    _secrets: dict[int, tuple[int, Secrets]] = field(default_factory=dict)
    _spent: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def definitions(self, connection: int) -> Definitions:
        """The one set of definitions that all work on this connection shares."""
        with self._lock:
            return self._definitions.setdefault(connection, Definitions())

    def secrets(self, connection: int, version: int, read: Callable[[], Secrets]) -> Secrets:
        """The key and secret; `read` opens them."""
        found = self._secrets.get(connection)
        if found is None or found[0] != version:
            found = self._secrets[connection] = (version, read())
        return found[1]

    def has_secrets(self, connection: int, version: int) -> bool:
        """Whether `secrets` would answer without reading."""
        found = self._secrets.get(connection)
        return found is not None and found[0] == version

    def spend(self, connection: int, requests: int) -> None:
        """Counts requests until somebody writes them down."""
        with self._lock:
            self._spent[connection] = self._spent.get(connection, 0) + requests

    def spent_since(self, connection: int, *, least: int = 0) -> int:
        """The requests since this was asked last, to be written down; 0 below `least`: one row
        counts them all, and should not be fought over."""
        with self._lock:
            if self._spent.get(connection, 0) < least:
                return 0
            return self._spent.pop(connection, 0)
