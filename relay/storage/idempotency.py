"""Requests that may come twice: the first is carried out, the others get its answer."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage.tables.idempotency import idempotency_keys as table
from relay.storage.vault import Vault

KEPT = timedelta(hours=24)
# A request that has not ended by then has lost its process.
ABANDONED = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks, where, under which key, with which body."""

    org: int
    api_key: str
    route: str
    key: str
    body_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A request under the same key; `status` and `body` are None while it is at work."""

    body_hash: str
    status: int | None
    body: str | None


def begin(conn: Connection, vault: Vault, request: Request, now: datetime) -> Earlier | None:
    """None: this is the first, and is to be carried out."""
    old = (table.c.at < now - KEPT) | (table.c.status.is_(None) & (table.c.at < now - ABANDONED))
    conn.execute(delete(table).where(*_mine(request), old))
    upsert = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
    first = conn.execute(
        upsert(table)
        .values(
            org_id=request.org,
            api_key=request.api_key,
            route=request.route,
            key=request.key,
            body_hash=request.body_hash,
            at=now,
        )
        .on_conflict_do_nothing()
        .returning(table.c.key)
    ).first()
    return None if first is not None else _earlier(conn, vault, request)


def earlier(conn: Connection, vault: Vault, request: Request) -> Earlier | None:
    """What has become of the first; None where it failed, so that this one may try."""
    return _earlier(conn, vault, request)


def finish(conn: Connection, vault: Vault, request: Request, *, status: int, body: str) -> None:
    """Keeps the answer."""
    sealed = vault.seal(body, bound_to=_bound(request))
    conn.execute(update(table).where(*_mine(request)).values(status=status, sealed=sealed))


def forget(conn: Connection, request: Request) -> None:
    """The request failed: the next one under its key is carried out."""
    conn.execute(delete(table).where(*_mine(request)))


def prune(conn: Connection, now: datetime) -> int:
    """Deletes what nobody is answered with any more; how many."""
    return conn.execute(delete(table).where(table.c.at < now - KEPT)).rowcount


def _earlier(conn: Connection, vault: Vault, request: Request) -> Earlier | None:
    query = select(table.c.body_hash, table.c.status, table.c.sealed).where(*_mine(request))
    row = conn.execute(query).first()
    if row is None:
        return None
    body = None if row.sealed is None else str(vault.open(row.sealed, bound_to=_bound(request)))
    return Earlier(body_hash=row.body_hash, status=row.status, body=body)


def _mine(request: Request) -> tuple[Any, ...]:
    return (
        table.c.org_id == request.org,
        table.c.api_key == request.api_key,
        table.c.route == request.route,
        table.c.key == request.key,
    )


def _bound(request: Request) -> str:
    return bound_to(request.org, request.api_key, request.route, request.key)


def bound_to(org: int, api_key: str, route: str, key: str) -> str:
    """What a kept answer's envelope is bound to."""
    return f"idempotency:{org}:{api_key}:{route}:{key}"
