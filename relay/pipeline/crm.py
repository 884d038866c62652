"""Changes that people and keys make in the CRM, outside of any run: written with their
transitions, and the rules woken."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from relay.crm.changes import Told
from relay.crm.embedded.desk import Desk
from relay.crm.port import Operation, Result
from relay.pipeline import transitions
from relay.queue import ROUTE
from relay.runtime import Runtime

Made = TypeVar("Made")


def write(runtime: Runtime, org: int, operations: Sequence[Operation]) -> list[Result]:
    """Carries out operations in one transaction; one result each."""

    def work(conn: Connection, changes: list[Told]) -> list[Result]:
        wanted = transitions.wanted(runtime.setups.of(conn, org))
        return runtime.crm.apply(conn, operations, changes, wanted=wanted)

    return change(runtime, work)


def edit(runtime: Runtime, org: int, work: Callable[[Desk], Made]) -> Made:
    """Lets `work` change an organization's CRM by hand, in one transaction."""

    def carry_out(conn: Connection, changes: list[Told]) -> Made:
        wanted = transitions.wanted(runtime.setups.of(conn, org))
        return runtime.crm.edit(conn, org, work, changes, wanted=wanted)

    return change(runtime, carry_out)


def change(runtime: Runtime, work: Callable[[Connection, list[Told]], Made]) -> Made:
    """Does work that appends what it changed, stores the transitions with it, and wakes."""
    changes: list[Told] = []
    with runtime.db.write() as conn:
        made = work(conn, changes)
        leases = transitions.store(runtime, conn, changes, token=None)
    runtime.queue.wake(ROUTE, [lease.id for lease in leases])
    return made
