"""A delivery while it is under way."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from relay.core.errors import RelayError
from relay.core.hook import Hook
from relay.http import Response
from relay.setups import Setup
from relay.storage.deliveries import DeliveryRow
from relay.storage.sends import Sending

SECONDS = 15.0  # a try at what has no hook, and so no time of its own, may take so long


@dataclass(slots=True, kw_only=True)
class Trip:
    """A delivery on its way, and what the other side said. `kept_back` is the state and the reason
    of one that is not sent."""

    lease: Sending
    row: DeliveryRow
    setup: Setup
    secrets: Sequence[str]
    hook: Hook | None = None
    kept_back: tuple[str, str] | None = None
    dropped: bool = False  # it waited past its lease, which may be another's by now
    at: datetime | None = None
    took_ms: float = 0.0
    response: Response | None = None
    error: RelayError | None = None

    @property
    def url(self) -> str:
        """Where it goes now: a hook's address may have changed since the message was written."""
        return self.row.url if self.hook is None else self.hook.url

    @property
    def counts(self) -> bool:
        """Whether its hook takes only so many at once, which all workers count together."""
        hook = self.hook
        return self.kept_back is None and hook is not None and hook.max_in_flight is not None

    @property
    def seconds(self) -> float:
        return SECONDS if self.hook is None else self.hook.timeout
