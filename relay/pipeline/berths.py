"""How many sends a child has in flight: in all, in each lane, to each target, and to slow ones.

Where a person has said how many a hook takes, the others' are counted too, by the database; what
it last told is remembered here, so that nothing is claimed for which there is no place.

First tries may use every place; what is tried again, and what is sent again in bulk, only a part
of them, so that a backlog of either never fills the house. Targets that were slow lately share a
small allowance, so that those that hang do not use up the places of those that answer. Nor does
one organization use up those of the others.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from relay.storage.sends import BULK, BY_HAND, FIRST, LATER, Room

PLACES = 400
OF_LANE = {FIRST: PLACES, BY_HAND: PLACES, LATER: PLACES // 3, BULK: PLACES // 8}
OF_SLOW = PLACES // 4
OF_ORG = PLACES * 3 // 4
EACH = 5  # to one target, where nobody has said otherwise
SLOW = 2.0  # seconds in flight that make a target slow
SLOW_FOR = 60.0  # and for how long it counts as one
BELIEVED = 0.5  # seconds for which what the others have left is believed
_KEPT = 10.0  # seconds a reservation waits for its delivery to be committed


@dataclass(slots=True)
class _Place:
    target: int
    org: int
    lane: int
    since: float
    is_reserved: bool


class Berths:
    """Thread-safe. A place is reserved or taken under a delivery's id, and given back once."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._places: dict[int, _Place] = {}
        self._caps: dict[int, int] = {}
        self._slow: dict[int, float] = {}
        self._of_all: dict[int, tuple[int, float]] = {}
        self._to: Counter[int] = Counter()
        self._in: Counter[int] = Counter()
        self._of: Counter[int] = Counter()
        self._orgs: dict[int, int] = {}  # of targets
        self._is_closed = False

    def close(self) -> None:
        """No more are fetched or reserved until it is opened; what is claimed by itself leaves."""
        self._is_closed = True

    def open(self) -> None:
        self._is_closed = False

    def cap(self, target: int, places: int | None) -> None:
        """How many a target takes at once; None: the usual few of each child."""
        if places is None and target in self._of_all:
            with self._lock:
                self._of_all.pop(target, None)
        if self._caps.get(target, EACH) != (places or EACH):
            with self._lock:
                self._caps[target] = places or EACH

    def left(self, target: int, places: int) -> bool:
        """How many more a target takes, all workers counted; whether more than was thought."""
        with self._lock:
            thought, _ = self._of_all.get(target, (places, 0.0))
            self._of_all[target] = places, self._now() + BELIEVED
        return places > thought

    def room(self, lane: int) -> Room:
        """What a claim in this lane may take now."""
        if self._is_closed:
            return Room(total=0)
        with self._lock:
            self._look()
            total = min(PLACES - len(self._places), OF_LANE[lane] - self._in[lane])
            known = {*self._to, *self._caps, *self._slow, *self._of_all}
            busy = {target: self._left(target) for target in known}
            full = {org for org, count in self._of.items() if count >= OF_ORG}
            if full:
                busy |= {target: 0 for target, org in self._orgs.items() if org in full}
        return Room(total=total, each=EACH, rooms=busy)

    def reserve(self, wanted: Sequence[tuple[int, int, int]]) -> list[bool]:
        """Places for deliveries (id, target, organization) that are being written; one that is not
        taken within seconds is free again, for its transaction may have failed."""
        if self._is_closed:
            return [False] * len(wanted)
        with self._lock:
            self._look()
            return [self._enter(id, to, org, FIRST, is_reserved=True) for id, to, org in wanted]

    def take(self, id: int, target: int, org: int, lane: int) -> bool:
        """Whether a claimed delivery may leave now."""
        with self._lock:
            known = self._places.get(id)
            if known is not None:
                known.is_reserved, known.since = False, self._now()
                return True
            return self._enter(id, target, org, lane, is_reserved=False)

    def give_back(self, id: int) -> None:
        """The delivery has landed, or was not sent."""
        with self._lock:
            place = self._places.pop(id, None)
            if place is not None:
                self._leave(place)

    def has(self, target: int) -> bool:
        """Whether something is on its way to it."""
        return self._to[target] > 0

    @property
    def taken(self) -> int:
        return len(self._places)

    def _enter(self, id: int, target: int, org: int, lane: int, *, is_reserved: bool) -> bool:
        self._orgs[target] = org
        if len(self._places) >= PLACES or self._in[lane] >= OF_LANE[lane]:
            return False
        if self._of[org] >= OF_ORG or self._left(target) <= 0:
            return False
        self._places[id] = _Place(target, org, lane, self._now(), is_reserved)
        if target in self._of_all:
            places, until = self._of_all[target]
            self._of_all[target] = max(places - 1, 0), until
        self._to[target] += 1
        self._in[lane] += 1
        self._of[org] += 1
        return True

    def _leave(self, place: _Place) -> None:
        self._in[place.lane] -= 1
        self._of[place.org] -= 1
        self._to[place.target] -= 1
        if self._to[place.target] <= 0:
            del self._to[place.target]
        if self._now() - place.since > SLOW:
            self._slow[place.target] = self._now() + SLOW_FOR

    def _left(self, target: int) -> int:
        left = self._caps.get(target, EACH) - self._to[target]
        if target in self._of_all:
            of_all, until = self._of_all[target]
            # What was heard a while ago is worth one try.
            left = min(left, of_all if self._now() < until else max(of_all, 1))
        if target not in self._slow:
            return left
        # At least one each: a slow target gets better only by being tried.
        slow = sum(count for one, count in self._to.items() if one in self._slow)
        return min(left, max(OF_SLOW - slow, 1 - self._to[target]))

    def _look(self) -> None:
        """Notices who is slow, and frees what was reserved and never came."""
        now = self._now()
        for id, place in list(self._places.items()):
            if place.is_reserved and now - place.since > _KEPT:
                self._leave(self._places.pop(id))
            elif not place.is_reserved and now - place.since > SLOW:
                self._slow[place.target] = now + SLOW_FOR
        for target in [one for one, until in self._slow.items() if until < now]:
            del self._slow[target]
