"""What a worker died with is taken up one by one. What several have died with is, moreover, all
that its worker has in hand then: who dies now, dies of it, and nothing else is lost or blamed."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from relay import log as logging
from relay.pipeline import deliver
from relay.pipeline.sender import Sender
from relay.queue import ALONE
from relay.runtime import Runtime
from relay.storage import deaths
from relay.storage.deaths import Suspect
from relay.storage.work import Kind, Lease

SECONDS = 2.0  # of one message; then others have their turn
PATIENCE = 35.0  # seconds until what is in flight has landed; a hook may take 30
NOT_AGAIN_FOR = 120.0  # seconds, where it has not
log = logging.get()


@dataclass(frozen=True, slots=True)
class Hand:
    """How long one of a kind may take, and what carries it out under which token."""

    seconds: float
    take: Callable[[Sequence[Lease], int], None]


class Alone:
    """One child's. `drain` waits until nothing is in flight there."""

    def __init__(
        self,
        runtime: Runtime,
        hands: Mapping[Kind, Hand],
        sender: Sender,
        *,
        drain: Callable[[float], bool],
        new_token: Callable[[], int],
    ) -> None:
        self._runtime = runtime
        self._hands = hands
        self._sender = sender
        self._berths = sender.berths
        self._drain = drain
        self._new_token = new_token
        self._quiet_from = 0.0

    def go_through(self) -> None:
        """Takes up what may be, the least suspected first; and what waited behind that."""
        until = time.monotonic() + SECONDS
        looked_at: set[tuple[Kind, int]] = set()
        while found := [one for one in self._waiting() if (one.kind, one.id) not in looked_at]:
            for one in found:
                if time.monotonic() > until:
                    self._runtime.queue.wake(ALONE, [len(found)])
                    return
                looked_at.add((one.kind, one.id))
                if one.deaths > 1:
                    self._in_quiet(one)
                else:
                    self._take(one)

    def _waiting(self) -> list[Suspect]:
        return [one for one in deaths.waiting(self._runtime.db) if self._has_room(one)]

    def _has_room(self, one: Suspect) -> bool:
        if one.kind is not Kind.DELIVERY:
            return True
        room = self._berths.room(one.lane)
        return room.total > 0 and room.rooms.get(one.target, room.each) > 0

    def _in_quiet(self, one: Suspect) -> None:
        if time.monotonic() < self._quiet_from:
            return
        self._berths.close()
        try:
            if self._drain(PATIENCE):
                self._take(one)
                self._drain(self._seconds(one))
            else:
                self._quiet_from = time.monotonic() + NOT_AGAIN_FOR
        finally:
            self._berths.open()

    def _take(self, one: Suspect) -> None:
        db, seconds, token = self._runtime.db, self._seconds(one), self._new_token()
        claimed = deaths.claim(db, one.kind, one.id, seconds=seconds, token=token)
        if claimed is None:
            return
        if one.deaths > 1:
            log.warning("tried_once_more", kind=one.kind.name.lower(), id=one.id)
        if one.kind is Kind.DELIVERY:
            self._sender.depart([claimed.sending])
        else:
            self._hands[one.kind].take([claimed.lease], token)

    def _seconds(self, one: Suspect) -> float:
        return deliver.LEASE if one.kind is Kind.DELIVERY else self._hands[one.kind].seconds
