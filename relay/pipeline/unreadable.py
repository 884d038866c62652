"""Secrets that cannot be read, because a key of the ring is gone or a row was damaged: what needs
one fails and says so, everything else of its organization goes on."""

from dataclasses import dataclass

from sqlalchemy import Connection

from relay.core.hook import Hook
from relay.runtime import Runtime
from relay.storage.connections import unreadable_connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """Whose secrets they are: `kind` is `connection`, `source`, `target` or `hook`."""

    kind: str
    id: int
    name: str
    problem: str


def unreadable(runtime: Runtime, conn: Connection, org: int) -> list[Unreadable]:
    """All of the organization; what stops a booking comes first."""
    setup = runtime.setups.of(conn, org)
    named = [
        *(("connection", *one) for one in unreadable_connections(conn, runtime.vault, org)),
        *(("source", row.id, row.name, row.problem) for row in setup.sources.values()),
        *(("target", row.id, row.name, row.problem) for row in setup.targets.values()),
        *(("hook", row.id, row.url, _of_hook(row)) for row in setup.hooks.by_id.values()),
    ]
    return [
        Unreadable(kind=kind, id=id, name=name, problem=problem)
        for kind, id, name, problem in named
        if problem is not None
    ]


def _of_hook(hook: Hook) -> str | None:
    return hook.problem and f"{hook.problem}; or make a new secret"
