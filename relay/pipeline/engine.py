"""A worker's hands: one event loop for calls, recorders for their outcomes, and the tasks.

Claim, commit · call · record, commit. A task claims a chunk and carries it as far as it goes
without a call; calls run on the loop, each under its own deadline, and what they bring is recorded
in small batches as they end.
"""

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.exc import SQLAlchemyError

from relay import births
from relay import log as logging
from relay.core.errors import Unavailable
from relay.pipeline import (
    act,
    burial,
    complete,
    dead_workers,
    due,
    mails,
    measuring,
    remote,
    remote_watch,
    source_watch,
    troubles,
    watching,
)
from relay.pipeline.act import Outcome
from relay.pipeline.alone import Alone, Hand
from relay.pipeline.complete import Thin
from relay.pipeline.elsewhere import crm_of, is_remote
from relay.pipeline.recorder import Recorder
from relay.pipeline.remote import Carried
from relay.pipeline.route import LEASE as ROUTE_LEASE
from relay.pipeline.route import Routed, route
from relay.pipeline.sender import Sender
from relay.pipeline.settle import LEASE as RUN_LEASE
from relay.pipeline.settle import Settled
from relay.queue import ACT, ALONE, COMPLETE, DELIVER, MAIL, ROUTE, WATCH
from relay.runtime import Runtime
from relay.storage import deaths, holders, sends, work
from relay.storage.work import Kind, Lease

BATCH = 64
LINGER = 0.010  # seconds a record waits for company
TOP_UP_SECONDS = 2.0  # how long one task may go on with the backlog
FEW = 4  # a message with fewer ids is no sign of a backlog
AT_ONCE = 10  # calls in flight to one connection, in each child
SWEPT = 2000  # deliveries of one lane that a sweep wakes
MOST_FLYING = 256  # calls that wait for their turn; beyond it no more of the backlog is taken
TASK_OF = {
    Kind.EVENT: ROUTE,
    Kind.COMPLETION: COMPLETE,
    Kind.RUN: ACT,
    Kind.DELIVERY: DELIVER,
    Kind.WATCH: WATCH,
    Kind.MAIL: MAIL,
}


@dataclass(frozen=True, slots=True)
class Going:
    """A run whose next call must be durable before it goes out; it waits for `written`."""

    carried: Carried
    written: "asyncio.Future[bool]"

    @property
    def token(self) -> int:
        return self.carried.token


# A watch records by itself, page by page.
Brought = Outcome | Thin | Carried | Going
log = logging.get()


class Engine:
    """Made in the worker's child, after the fork. `close` waits for what is in flight."""

    def __init__(self, runtime: Runtime) -> None:
        self._loop = asyncio.new_event_loop()
        self._flying = 0
        self._idle = threading.Condition()
        self._caps: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._calls: set[asyncio.Task[None]] = set()  # a loop does not hold on to what it runs
        self._holder = _registered(runtime)
        self._tokens = itertools.count()
        self._sender = Sender(
            runtime,
            self._loop,
            started=self._started,
            landed=self._landed,
            new_token=self._new_token,
        )
        self.runtime = replace(runtime, berths=self._sender.berths)
        self._caller = threading.Thread(target=self._loop.run_forever, name="calls", daemon=True)
        self._caller.start()
        self._recorder = Recorder(
            self._record,
            most=BATCH,
            flying=lambda: self._flying,
            linger=LINGER,
            name="recorder",
        )
        hands = {
            Kind.EVENT: Hand(ROUTE_LEASE, self._route_on),
            Kind.COMPLETION: Hand(complete.LEASE, self._complete),
            Kind.RUN: Hand(RUN_LEASE, self._act),
            Kind.WATCH: Hand(watching.LEASE, self._watch),
            Kind.MAIL: Hand(mails.LEASE, self._mail),
        }
        self._alone = Alone(
            self.runtime, hands, self._sender, drain=self.drain, new_token=self._new_token
        )

    # --- tasks -----------------------------------------------------------------------------------

    def route(self, ids: Sequence[int]) -> None:
        """Routes these events, what waited behind them, and, when many came or they came late, the
        backlog: one event alone costs as much as eight together."""
        db, token = self.runtime.db, self._new_token()
        leases = work.claim(db, Kind.EVENT, ids, seconds=ROUTE_LEASE, token=token)
        is_late = any(lease.is_late for lease in leases)
        # A message that brings many is a chunk already; a larger one would be one worker's alone.
        if is_late and len(ids) < FEW and self._has_room():
            leases += work.top_up(db, Kind.EVENT, seconds=ROUTE_LEASE, token=token)
        self._route_on(leases, token, is_more=is_late or len(ids) >= FEW)

    def _route_on(self, leases: Sequence[Lease], token: int, *, is_more: bool = False) -> None:
        db, until = self.runtime.db, time.monotonic() + TOP_UP_SECONDS
        while leases:
            self._route(leases, token)
            keys = [lease.okey for lease in leases if lease.okey is not None]
            leases = work.successors(db, Kind.EVENT, keys, seconds=ROUTE_LEASE, token=token)
            if not leases and is_more and time.monotonic() < until and self._has_room():
                leases = work.top_up(db, Kind.EVENT, seconds=ROUTE_LEASE, token=token)

    def act(self, ids: Sequence[int]) -> None:
        """Goes on with these runs."""
        token = self._new_token()
        leases = work.claim(self.runtime.db, Kind.RUN, ids, seconds=RUN_LEASE, token=token)
        self._act(leases, token)

    def complete(self, ids: Sequence[int]) -> None:
        """Fetches what these thin events only name."""
        token = self._new_token()
        db, kind = self.runtime.db, Kind.COMPLETION
        self._complete(work.claim(db, kind, ids, seconds=complete.LEASE, token=token), token)

    def _complete(self, leases: Sequence[Lease], token: int) -> None:
        for thin in complete.prepare(self.runtime, leases, token) if leases else []:
            self._call(("connection", thin.cap), complete.fetch(self.runtime, thin))

    def deliver(self, ids: Sequence[int]) -> None:
        """Makes one try at each of these deliveries."""
        self._sender.wake(ids)

    def watch(self, ids: Sequence[int]) -> None:
        """Looks at what changed in these CRMs elsewhere."""
        token = self._new_token()
        db = self.runtime.db
        self._watch(work.claim(db, Kind.WATCH, ids, seconds=watching.LEASE, token=token), token)

    def _watch(self, leases: Sequence[Lease], token: int) -> None:
        for lease in leases:
            self._call(("watch", lease.id), remote_watch.watch(self.runtime, lease, token))

    def mail(self, ids: Sequence[int]) -> None:
        """Hands these mails in."""
        token = self._new_token()
        db = self.runtime.db
        self._mail(work.claim(db, Kind.MAIL, ids, seconds=mails.LEASE, token=token), token)

    def _mail(self, leases: Sequence[Lease], token: int) -> None:
        if leases:
            mails.send(self.runtime, leases, token)

    def alone(self, _count: Sequence[int] = ()) -> None:
        """Takes up what workers died with, one by one."""
        self._alone.go_through()

    def sweep(self) -> int:
        """Wakes everything that is due and that nobody was woken for, fires what the clock has
        brought due, and tells people of what does not work; how many were woken."""
        found = self.release()
        db = self.runtime.db
        for kind, task in TASK_OF.items():
            if kind is not Kind.DELIVERY:
                ids = work.overdue(db, kind)
                if kind is Kind.EVENT and ids:
                    self.runtime.measures.count(measuring.RESCUED, len(ids))
                self.runtime.queue.wake(task, ids)
                found += len(ids)
        for lane in (sends.FIRST, sends.BY_HAND, sends.LATER, sends.BULK):
            ids = sends.overdue(db, lane, limit=SWEPT, grace=work.GRACE)
            self.runtime.queue.wake(DELIVER, ids)
            found += len(ids)
        fired = due.fire(self.runtime)
        self.runtime.queue.wake(ROUTE, fired)
        troubles.sweep(self.runtime)
        source_watch.sweep(self.runtime)
        return found + len(fired)

    def release(self) -> int:
        """Wakes others for what dead workers of this machine had in hand, and puts aside what
        several died with; how much that was."""
        queue = self.runtime.queue
        freed = dead_workers.release(self.runtime)
        for kind, ids in freed.items():
            queue.wake(TASK_OF[kind], ids)
        suspects = len(deaths.waiting(self.runtime.db))
        queue.wake(ALONE, [suspects] if suspects else [])
        buried = burial.bury(self.runtime, self._new_token())
        return sum(len(ids) for ids in freed.values()) + suspects + buried

    def run(self, task: str, ids: Sequence[int]) -> None:
        """One of the tasks, by its name."""
        tasks: dict[str, Callable[[Sequence[int]], None]] = {
            ROUTE: self.route,
            COMPLETE: self.complete,
            ACT: self.act,
            DELIVER: self.deliver,
            WATCH: self.watch,
            MAIL: self.mail,
            ALONE: self.alone,
        }
        tasks[task](ids)

    def drain(self, seconds: float = 60.0) -> bool:
        """Waits until nothing is in flight; False when time ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: self._flying == 0, timeout=seconds)

    def close(self) -> None:
        """Waits for what is in flight, and ends the threads."""
        self._leave()
        self._sender.finish()
        self.drain(25.0)
        self._recorder.close()
        self._sender.close()
        asyncio.run_coroutine_threadsafe(self.runtime.http.aclose(), self._loop).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._caller.join(timeout=5)
        self._loop.close()

    def _leave(self) -> None:
        """What is still in hand at the end is not what this process died of."""
        try:
            with self.runtime.db.write() as conn:
                holders.leave(conn, [self._holder])
        except (SQLAlchemyError, Unavailable):  # the end is not to wait for a store that is away
            log.exception("leaving_not_noted")

    def _new_token(self) -> int:
        """A number that nobody else claims with, and that tells whose it is."""
        return holders.token(self._holder, next(self._tokens))

    # --- chunks ----------------------------------------------------------------------------------

    def _route(self, leases: Sequence[Lease], token: int) -> None:
        for routed in route(self.runtime, leases, token):
            self._wake(routed)
            self._act(self._after(routed.settled, token), token)

    def _wake(self, routed: Routed) -> None:
        self.runtime.queue.wake(COMPLETE, [lease.id for lease in routed.completions])

    def _act(self, leases: Sequence[Lease], token: int) -> None:
        while leases:
            settled = act.resume(self.runtime, leases, token)
            self._follow(settled, token)
            leases = self._after(settled, token)

    def _follow(self, settled: Settled, token: int) -> None:
        if settled.events:
            self._route(settled.events, token)

    def _after(self, settled: Settled, token: int) -> list[Lease]:
        """What a commit has left to do: calls, deliveries, and runs that waited for a key."""
        until = self._loop.time() + remote.PATIENCE
        for execution in settled.calls:
            if is_remote(execution):
                cap = ("crm", crm_of(execution).id)
                self._call(cap, remote.carry(self.runtime, execution, until, self._mark))
            else:
                cap = ("connection", act.cap_of(execution))
                self._call(cap, act.perform(self.runtime, execution))
        self._sender.depart(settled.sending)
        self._sender.share(settled.deliveries)
        db, keys = self.runtime.db, list(settled.keys)
        return work.successors(db, Kind.RUN, keys, seconds=RUN_LEASE, token=token)

    # --- calls and what they bring ---------------------------------------------------------------

    def _started(self, count: int) -> None:
        with self._idle:
            self._flying += count

    def _call(self, cap: tuple[str, int], call: Awaitable[Brought | None]) -> None:
        self._started(1)
        self._loop.call_soon_threadsafe(self._begin, cap, call)

    def _begin(self, cap: tuple[str, int], call: Awaitable[Brought | None]) -> None:
        task = self._loop.create_task(self._capped(cap, call))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _capped(self, cap: tuple[str, int], call: Awaitable[Brought | None]) -> None:
        at_once = remote.AT_ONCE if cap[0] == "crm" else AT_ONCE
        turn = self._caps.setdefault(cap, asyncio.Semaphore(at_once))
        try:
            async with turn:
                brought = await call
        except Exception:  # the outermost loop: the lease brings the row back
            log.exception("call_failed", cap=cap[0])
            self._landed(1)
        else:
            if brought is None:
                self._landed(1)
            else:
                self._recorder.put(brought)

    async def _mark(self, carried: Carried) -> bool:
        written: asyncio.Future[bool] = self._loop.create_future()
        self._recorder.put(Going(carried, written))
        return await written

    def _go(self, going: Sequence[Going], held: Collection[int]) -> None:
        answers = [(one.written, one.carried.execution.run in held) for one in going]
        self._loop.call_soon_threadsafe(_answer, answers)

    def _has_room(self) -> bool:
        """Whether what is claimed now would come to its turn while its lease holds."""
        with self._idle:
            return self._flying < MOST_FLYING

    def _landed(self, count: int) -> None:
        with self._idle:
            self._flying -= count
            self._idle.notify_all()

    def _record(self, batch: Sequence[Brought]) -> None:
        for token in {_token(one) for one in batch}:
            mine = [one for one in batch if _token(one) == token]
            try:
                self._write(mine, token)
            except Exception:  # the outermost loop: the lease brings the rows back
                log.exception("outcomes_not_recorded", count=len(mine))
                self._go([one for one in mine if isinstance(one, Going)], ())
            finally:
                self._landed(sum(not isinstance(one, Going) for one in mine))

    def _write(self, mine: Sequence[Brought], token: int) -> None:
        """What one claim's calls brought."""
        outcomes = [one for one in mine if isinstance(one, Outcome)]
        thin = [one for one in mine if isinstance(one, Thin)]
        carried = [one for one in mine if isinstance(one, Carried)]
        going = [one for one in mine if isinstance(one, Going)]
        if going:
            held = remote.note(self.runtime, [one.carried for one in going], token)
            self._go(going, held)
        if outcomes:
            self._go_on(act.record(self.runtime, outcomes, token), token)
        if carried:
            self._go_on(remote.record(self.runtime, carried, token), token)
        if thin:
            self.runtime.queue.wake(ROUTE, complete.record(self.runtime, thin, token))

    def _go_on(self, settled: Settled, token: int) -> None:
        self._follow(settled, token)
        self._act(self._after(settled, token), token)


def _registered(runtime: Runtime) -> int:
    pid = os.getpid()
    at, born = runtime.clock.now(), births.birth(pid)
    with runtime.db.write() as conn:
        return holders.register(conn, births.machine(), pid, born, at, parent=os.getppid())


def _token(one: Brought) -> int:
    return one.execution.token if isinstance(one, Outcome) else one.token


def _answer(answers: Sequence[tuple["asyncio.Future[bool]", bool]]) -> None:
    for future, value in answers:
        if not future.done():
            future.set_result(value)
