"""Deliveries of one worker's child: claimed as there is room, sent on its loop, recorded, and the
next claimed when others have landed. Nobody waits in here: what cannot leave now stays a row."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence

from relay import log as logging
from relay.pipeline import deliver, gate
from relay.pipeline.berths import BELIEVED, Berths
from relay.pipeline.insist import insist
from relay.pipeline.recorder import Recorder
from relay.pipeline.trip import Trip
from relay.queue import CHUNK, DELIVER
from relay.runtime import Runtime
from relay.storage import sends
from relay.storage.deliveries import target_key
from relay.storage.sends import BULK, BY_HAND, FIRST, LATER, Sending

TO_TARGETS = 10  # at once to one named target or sandbox, which have no settings of their own
LANES: Sequence[tuple[int, Sequence[int]]] = (
    (FIRST, (FIRST, BY_HAND)), (LATER, (LATER,)), (BULK, (BULK,)),
)  # fmt: skip
_EVERY_LANE = frozenset(lane for lane, _ in LANES)
_SOONEST = 0.05
_LATEST = 5.0  # seconds; what is due later is the sweep's
_SPARE = 5.0  # seconds of a lease that are left for the record
BATCH = 256  # records in one transaction
COMPANY = 16  # in flight, for which a record is worth holding back
LINGER = 0.030  # seconds that it is: places are free without it, and of a few it is half the cost
ENOUGH = 32  # free places that are worth a look at the backlog at once
SOON = 0.02  # seconds until fewer are
SHARED = 4 * CHUNK  # deliveries of one commit that others are woken for
_NO_ROOM = 0.05  # seconds in which nothing is claimed by its id, after most found no room
log = logging.get()


class Sender:
    """`started` and `landed` are told how many are under way; `new_token` makes claims' tokens."""

    def __init__(
        self,
        runtime: Runtime,
        loop: asyncio.AbstractEventLoop,
        *,
        started: Callable[[int], None],
        landed: Callable[[int], None],
        new_token: Callable[[], int],
    ) -> None:
        self.berths = Berths()
        self._runtime = runtime
        self._loop = loop
        self._started = started
        self._landed = landed
        self._new_token = new_token
        self._more: set[int] = set()  # the lanes in which something may be waiting
        self._no_room_until = 0.0
        self._timer = threading.Lock()
        self._looks: set[int] = set()  # when to look again, in steps of a twentieth of a second
        # What only the loop touches: trips on their way, and the next look at the backlog.
        self._away: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._free = 0
        self._is_pulling = False
        self._is_asked_again = False
        self._is_over = False
        self._next_pull: asyncio.TimerHandle | None = None
        self._recorder = Recorder(
            self._record,
            most=BATCH,
            flying=self._worth_waiting_for,
            linger=LINGER,
            name="deliveries",
        )

    def wake(self, ids: Sequence[int]) -> None:
        """Sends those of the deliveries that may leave now."""
        now = time.monotonic()
        if now < self._no_room_until:
            self._loop.call_soon_threadsafe(self._pull_everything)
            return
        token = self._new_token()
        room = self.berths.room(FIRST)
        found = sends.claim(
            self._runtime.db, ids, room, seconds=deliver.LEASE, token=token
        )  # fmt: skip
        if len(found) < len(ids) / 2:
            self._no_room_until = now + _NO_ROOM
        self.depart(found)
        if len(found) < len(ids) or len(ids) >= CHUNK:
            # What else was asked for found no room, or another worker has it; and a full message
            # is one of many. Later tries can wait for the sweep.
            self._loop.call_soon_threadsafe(self._pull_first)

    def share(self, ids: Sequence[int]) -> None:
        """Deliveries that were just written and have no place here. Who is woken for some of them
        goes on with the others: a message for each sixty was a tenth of what they cost."""
        if ids:
            self._runtime.queue.wake(DELIVER, ids[:SHARED])
            self._loop.call_soon_threadsafe(self._pull_first)

    def finish(self) -> None:
        """Takes up nothing more: what waits is others'. What is on its way may land."""
        self._is_over = True

    def close(self) -> None:
        """Writes down what has landed."""
        self._recorder.close()

    def _follow(self, keys: Sequence[int]) -> None:
        """What waited behind finished keys."""
        if keys and not self._is_over:
            token = self._new_token()
            room = self.berths.room(FIRST)
            found = sends.heads(self._runtime.db, keys, room, seconds=deliver.LEASE, token=token)
            self.depart(found)

    def _pull(self) -> bool:
        """Fills the room there is from the backlog, first tries first; whether another worker may
        have been at it in the same moment, so that it is worth another look."""
        is_crossed = False
        for lane, lanes in LANES:
            if lane not in self._more:
                continue
            room = self.berths.room(lane)
            if room.total <= 0:
                continue
            found = 0
            for one in lanes:
                token = self._new_token()
                leases = sends.backlog(
                    self._runtime.db, one, room, seconds=deliver.LEASE, token=token
                )
                self.depart(leases)
                found += len(leases)
            if found or any(count <= 0 for count in room.rooms.values()):
                continue
            # Nothing is found too where another worker has just those rows locked.
            if any(sends.overdue(self._runtime.db, one, limit=1, grace=0.0) for one in lanes):
                is_crossed = True
            else:
                self._more.discard(lane)
        return is_crossed

    def depart(self, leases: Sequence[Sending]) -> None:
        """Sends claimed deliveries; those without a place, or that have to wait, are let go of."""
        if not leases:
            return
        claimed = time.monotonic()
        trips = deliver.prepare(self._runtime, leases)
        self._learn(trips)
        back = [t for t in trips if t.kept_back is None and not self._take(t)]
        staying = {trip.lease.id for trip in back}
        going = [trip for trip in trips if trip.lease.id not in staying]
        crowded, free = gate.crowded(self._runtime, going)
        turned = [trip for trip in going if trip.lease.id in crowded]
        going = [trip for trip in going if trip.lease.id not in crowded]
        opened = self._note(free)
        back += turned
        for trip in turned:
            self.berths.give_back(trip.lease.id)
        later = gate.waits(self._runtime, going, self._runtime.clock.now())
        seconds = {id: max(wait.total_seconds(), _SOONEST) for id, wait in later.items()}
        if back or seconds:
            self._let_go(back, seconds, going)
        for trip in going:
            if trip.lease.id in later:
                self.berths.give_back(trip.lease.id)
        leaving = [trip for trip in going if trip.lease.id not in later]
        self._started(len(leaving))
        self._loop.call_soon_threadsafe(self._launch, leaving, claimed)
        self._look_for(opened)
        self._take_up(turned)
        if any(not self.berths.has(trip.lease.target) for trip in turned):
            # Whoever lands there takes up what waits. Who has nothing there looks for himself, for
            # the others may end.
            self._look_in(BELIEVED)

    def _launch(self, trips: Sequence[Trip], claimed: float) -> None:
        self._in_flight += len(trips)
        for trip in trips:
            task = self._loop.create_task(self._fly(trip, claimed))
            self._away.add(task)
            task.add_done_callback(self._away.discard)

    def _learn(self, trips: Sequence[Trip]) -> None:
        for trip in trips:
            row, hook = trip.row, trip.hook
            places = TO_TARGETS if hook is None else hook.max_in_flight
            self.berths.cap(target_key(row.target_kind, row.target_id), places)

    def _take(self, trip: Trip) -> bool:
        lease = trip.lease
        target = target_key(trip.row.target_kind, trip.row.target_id)
        return self.berths.take(lease.id, target, lease.org, lease.lane)

    def _note(self, free: Mapping[int, int]) -> list[int]:
        """Remembers how many more hooks take; gives the targets that take more than was thought."""
        targets = {target_key("hook", hook): places for hook, places in free.items()}
        return [one for one, places in targets.items() if self.berths.left(one, places)]

    def _take_up(self, trips: Sequence[Trip]) -> None:
        """What waits for places of the hooks of these, which were recorded or let go of. Who gives
        a place back and who was turned away both look after their commit, so that one of them sees
        what the other has left."""
        free = gate.free(self._runtime, trips)
        self._note(free)
        self._look_for([target_key("hook", hook) for hook, places in free.items() if places > 0])

    def _look_for(self, targets: Sequence[int]) -> None:
        """Pulls what waits for them."""
        lanes = {_group(lane) for lane in sends.lanes(self._runtime.db, targets)}
        if lanes:
            self._loop.call_soon_threadsafe(self._pull_in, lanes)

    def _let_go(
        self, back: Sequence[Trip], seconds: dict[int, float], going: Sequence[Trip]
    ) -> None:  # fmt: skip
        waiting = [trip.lease for trip in going if trip.lease.id in seconds]
        with self._runtime.db.write() as conn:
            db = self._runtime.db
            sends.release(db, conn, [trip.lease for trip in back])
            for lane in sorted({one.lane for one in waiting}):
                mine = {one: seconds[one.id] for one in waiting if one.lane == lane}
                sends.again(db, conn, mine, lane=lane)
        self._more |= {_group(trip.lease.lane) for trip in back}
        self._more |= {_group(one.lane) for one in waiting}
        for wait in seconds.values():
            self._look_in(wait)

    async def _fly(self, trip: Trip, claimed: float) -> None:
        try:
            waited = time.monotonic() - claimed
            if waited > deliver.LEASE - trip.seconds - _SPARE:
                trip.dropped = True
            elif trip.kept_back is None:
                await deliver.attempt(self._runtime, trip)
        except Exception as error:  # the outermost loop: ours to mend, and not the receiver's fault
            log.exception("delivery_not_tried", delivery_id=trip.row.id)
            trip.kept_back = ("failed", f"Relay could not send it: {type(error).__name__}")
        self.berths.give_back(trip.lease.id)
        self._in_flight -= 1
        self._recorder.put(trip)
        self._free += 1
        if self._more:
            self._pull_soon()

    def _worth_waiting_for(self) -> int:
        """How many a record would have with those in flight; one alone where they are few."""
        return self._in_flight + 1 if self._in_flight >= COMPANY else 1

    def _record(self, trips: Sequence[Trip]) -> None:
        try:
            left = insist(lambda: deliver.record(self._runtime, trips))
            self._runtime.queue.wake(DELIVER, left.deliveries)
            self._follow(left.keys)
            self._take_up(trips)
        except Exception:  # the outermost loop: the lease brings the rows back
            log.exception("deliveries_not_recorded", count=len(trips))
        finally:
            self._landed(len(trips))

    # --- the backlog, looked at when enough places are free, by one thread at a time -------------

    def _pull_everything(self) -> None:
        """Something has come of which nobody knows in which lane it is."""
        self._pull_in(_EVERY_LANE)

    def _pull_in(self, lanes: Collection[int]) -> None:
        # Who is pulling now may have looked before it came.
        self._is_asked_again = self._is_pulling
        self._more |= set(lanes)
        self._pull_soon()

    def _pull_first(self) -> None:
        self._more.add(FIRST)
        self._pull_soon()

    def _pull_soon(self) -> None:
        # Where few may be away at once, half of them.
        if self._free >= min(ENOUGH, max(self._in_flight, 1)):
            self._pull_now()
        elif self._next_pull is None:
            self._next_pull = self._loop.call_later(SOON, self._pull_now)

    def _pull_now(self) -> None:
        if self._next_pull is not None:
            self._next_pull.cancel()
            self._next_pull = None
        if self._is_pulling or self._is_over:
            return
        self._is_pulling, self._free = True, 0
        self._started(1)  # who closes waits for what it may bring
        self._loop.run_in_executor(None, self._quietly).add_done_callback(self._pulled)

    def _pulled(self, pull: asyncio.Future[bool]) -> None:
        self._is_pulling = False
        self._landed(1)
        if self._is_asked_again:
            self._is_asked_again = False
            self._pull_everything()
        elif self._more and (self._free or pull.result()):
            self._pull_soon()

    def _look_in(self, seconds: float) -> None:
        """Pulls again when it is due."""
        if seconds > _LATEST:
            return
        now = time.monotonic()
        # A little late, or the database's clock would find it not yet due.
        step = int((now + seconds) / _SOONEST) + 2
        with self._timer:
            if step in self._looks:
                return
            self._looks.add(step)
        self._loop.call_soon_threadsafe(
            self._loop.call_later, step * _SOONEST - now, self._ring, step
        )

    def _ring(self, step: int) -> None:
        with self._timer:
            self._looks.discard(step)
        self._pull_everything()

    def _quietly(self) -> bool:
        try:
            return self._pull()
        except Exception:  # the outermost loop: the sweep finds what is due
            log.exception("backlog_not_pulled")
            return False


def _group(lane: int) -> int:
    return FIRST if lane == BY_HAND else lane
