"""What workers of this machine had in hand when they died goes on at once, where that is safe.

A lease ends by itself; until then a worker that is only slow may still be at it. Of one that is
certainly dead there is no doubt, and its rows need not wait. What it may have sent to a provider is
left to its lease: the provider may still be carrying that out, and whoever looked for it now would
find nothing and send it again.

What it had in hand may be what it died of, so its death is counted for each of them; not of one
that had been told to end.
"""

from collections.abc import Iterator
from datetime import timedelta

from sqlalchemy import Connection

from relay import births
from relay import log as logging
from relay.pipeline import act
from relay.runtime import Runtime
from relay.storage import holders
from relay.storage.database import Database
from relay.storage.holders import Holder
from relay.storage.work import Kind

AT_ONCE = 0.0
IN_A_SANDBOX = 10.0  # seconds; it is a part of Relay and answers in milliseconds
_REMEMBERED = timedelta(days=30)
log = logging.get()

# Whether a row may go on, and after how many seconds.
Freed = tuple[Kind, float, list[int]]


def release(runtime: Runtime) -> dict[Kind, list[int]]:
    """Lets go of it; gives what is to be woken now as if nothing had been."""
    machine = births.machine()
    if not machine:
        return {}
    with runtime.db.read() as conn:
        dead = [one for one in holders.on(conn, machine) if births.is_dead(one.pid, one.born)]
    woken: dict[Kind, list[int]] = {}
    for one in dead:
        for kind, seconds, ids in _let_go(runtime, one):
            if seconds == AT_ONCE and one.leaving:
                woken.setdefault(kind, []).extend(ids)
    return woken


def leave(db: Database, pid: int) -> None:
    """A process of this machine was told to end, with those it has made. Who is dead already did
    not die of that."""
    machine = births.machine()
    with db.write() as conn:
        its = [one for one in holders.on(conn, machine) if pid in (one.pid, one.parent)]
        holders.leave(conn, [one.id for one in its if not births.is_dead(one.pid, one.born)])


def _let_go(runtime: Runtime, dead: Holder) -> list[Freed]:
    with runtime.db.read() as conn:
        found = list(_freed(runtime, conn, dead))
    with runtime.db.write() as conn:
        # Several may have found it dead; a death is counted once.
        if not holders.forget(conn, dead.id):
            return []
        for kind, seconds, ids in found:
            died = not dead.leaving
            holders.let_go(runtime.db, conn, dead.id, kind, ids, seconds=seconds, died=died)
        holders.forget_older(conn, runtime.clock.now() - _REMEMBERED)
    rows = sum(len(ids) for _, _, ids in found)
    log.warning("leases_of_dead_worker_ended", pid=dead.pid, rows=rows, leaving=dead.leaving)
    return found


def _freed(runtime: Runtime, conn: Connection, dead: Holder) -> Iterator[Freed]:
    by_kind: dict[Kind, list[int]] = {}
    for kind, id in holders.in_hand(conn, dead.id):
        by_kind.setdefault(kind, []).append(id)
    for kind, ids in by_kind.items():
        if kind is Kind.RUN:
            here, sandboxed = act.harmless(runtime, conn, ids)
            yield kind, AT_ONCE, here
            yield kind, IN_A_SANDBOX, sandboxed
            yield kind, act.LEASE, sorted({*ids}.difference(here, sandboxed))
        else:
            yield kind, AT_ONCE, ids
