"""Connections: accounts at providers and their credentials; targets: addresses with a name."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from relay.core import ids
from relay.core.errors import AuthError, Conflict, NotFound
from relay.storage.identity import touch_config
from relay.storage.tables.setup import connections, sources, targets
from relay.storage.vault import Sealed, Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """One account at one provider. `sandbox_path` is set for a sandbox; `given` counts how often a
    person has given its secrets."""

    id: int
    org: int
    provider: str
    name: str
    base_url: str
    sandbox_path: str | None
    given: int
    settings: Mapping[str, object]
    state: str
    reason: str | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """A named address, with the secret that signs what is sent there. `problem`: why that cannot be
    read; nothing is sent without a signature."""

    id: int
    org: int
    name: str
    url: str
    secret: str
    problem: str | None = None


def create_connection(
    conn: Connection,
    vault: Vault,
    org: int,
    *,
    provider: str,
    name: str,
    base_url: str,
    credentials: Mapping[str, str],
    settings: Mapping[str, object],
    sandbox: bool,
    at: datetime,
) -> int:
    """Its id. Raises Conflict for a name that is taken."""
    taken = select(connections.c.id).where(connections.c.org_id == org, connections.c.name == name)
    if conn.execute(taken).first() is not None:
        raise Conflict(f"there is a connection {name!r} already")
    id = int(
        conn.execute(
            insert(connections)
            .values(
                org_id=org,
                provider=provider,
                name=name,
                base_url=base_url,
                sandbox_path=ids.token() if sandbox else None,
                sealed="",
                settings=dict(settings),
                state="active",
                created_at=at,
            )
            .returning(connections.c.id)
        ).scalar_one()
    )
    store_credentials(conn, vault, id, credentials)
    touch_config(conn, org)
    return id


def store_credentials(
    conn: Connection, vault: Vault, id: int, credentials: Mapping[str, str], *, given: bool = False
) -> None:
    """Replaces a connection's secrets; `given`: by a person, not renewed by us."""
    sealed = vault.seal(dict(credentials), bound_to=bound_to(id))
    once_more = {"given": connections.c.given + 1} if given else {}
    conn.execute(
        update(connections).where(connections.c.id == id).values(sealed=sealed, **once_more)
    )


def credentials_of(conn: Connection, vault: Vault, id: int) -> dict[str, str]:
    """A connection's secrets as they are stored now. On PostgreSQL the row is locked until the
    transaction ends. Raises NotFound, and AuthError where they cannot be read."""
    row = conn.execute(
        select(connections.c.sealed)
        .where(connections.c.id == id, connections.c.removed_at.is_(None))
        .with_for_update()
    ).first()
    if row is None:
        raise NotFound("the connection was removed")
    try:
        found: dict[str, str] = vault.open(row.sealed, bound_to=bound_to(id))
    except Sealed as error:
        raise AuthError(_unreadable(error)) from error
    return found


def unreadable_connections(conn: Connection, vault: Vault, org: int) -> list[tuple[int, str, str]]:
    """The ids and names of those whose secrets cannot be read, and why."""
    query = select(connections.c.id, connections.c.name, connections.c.sealed)
    found = []
    mine = query.where(connections.c.org_id == org, connections.c.removed_at.is_(None))
    for row in conn.execute(mine.order_by(connections.c.id)):
        try:
            vault.open(row.sealed, bound_to=bound_to(row.id))
        except Sealed as error:
            found.append((row.id, row.name, _unreadable(error)))
    return found


def _unreadable(error: Sealed) -> str:
    return f"its secrets {error.why}; or connect it again"


def all_connections(conn: Connection, org: int) -> list[ConnectionRow]:
    """Every connection of the organization, oldest first."""
    mine = _CONNECTION.where(connections.c.org_id == org, connections.c.removed_at.is_(None))
    return [_read(row) for row in conn.execute(mine.order_by(connections.c.id))]


def connection_named(conn: Connection, org: int, name: str) -> ConnectionRow:
    """Raises NotFound."""
    row = conn.execute(
        _CONNECTION.where(
            connections.c.org_id == org,
            connections.c.name == name,
            connections.c.removed_at.is_(None),
        )
    ).first()
    if row is None:
        raise NotFound(f"there is no connection {name!r} here")
    return _read(row)


def connection_at(conn: Connection, sandbox_path: str) -> ConnectionRow | None:
    """The sandbox connection behind a path."""
    row = conn.execute(
        _CONNECTION.where(
            connections.c.sandbox_path == sandbox_path, connections.c.removed_at.is_(None)
        )
    ).first()
    return None if row is None else _read(row)


def set_connection_state(
    conn: Connection, org: int, id: int, state: str, reason: str | None
) -> None:
    """`active`, `paused` or `needs_reconnect`, and why."""
    conn.execute(
        update(connections)
        .where(connections.c.org_id == org, connections.c.id == id)
        .values(state=state, reason=reason)
    )
    touch_config(conn, org)


def connection_now(conn: Connection, row: ConnectionRow) -> ConnectionRow:
    """As it stands, and stays until the transaction ends: what is held for it now is seen by
    whoever connects it again."""
    query = _CONNECTION.where(connections.c.org_id == row.org, connections.c.id == row.id)
    return _read(conn.execute(query.with_for_update()).one())


def change_connection(
    conn: Connection, org: int, id: int, *, name: str, settings: Mapping[str, object]
) -> None:
    """Raises Conflict for a name that is taken."""
    taken = select(connections.c.id).where(
        connections.c.org_id == org, connections.c.name == name, connections.c.id != id
    )
    if conn.execute(taken).first() is not None:
        raise Conflict(f"there is a connection {name!r} already")
    conn.execute(
        update(connections)
        .where(connections.c.org_id == org, connections.c.id == id)
        .values(name=name, settings=dict(settings))
    )
    touch_config(conn, org)


def remove_connection(conn: Connection, row: ConnectionRow, at: datetime) -> None:
    """Forgets its secrets and frees its name. The row stays: bookings were made through it."""
    conn.execute(
        update(connections)
        .where(connections.c.org_id == row.org, connections.c.id == row.id)
        .values(
            name=f"{row.name} (removed {row.id})",
            sandbox_path=None,
            sealed="",
            state="paused",
            reason="removed",
            removed_at=at,
        )
    )
    conn.execute(
        update(sources)
        .where(sources.c.org_id == row.org, sources.c.connection_id == row.id)
        .values(connection_id=None)
    )
    touch_config(conn, row.org)


def note_use(conn: Connection, ids: Collection[int], at: datetime) -> None:
    """When each was last called through."""
    if ids:
        conn.execute(update(connections).where(connections.c.id.in_(ids)).values(used_at=at))


def create_target(
    conn: Connection, vault: Vault, org: int, *, name: str, url: str, secret: str, at: datetime
) -> int:
    """Its id; the address has been checked. Raises Conflict."""
    taken = select(targets.c.id).where(targets.c.org_id == org, targets.c.name == name)
    if conn.execute(taken).first() is not None:
        raise Conflict(f"there is a target {name!r} already")
    sealed = vault.seal({"secret": secret}, bound_to=target_bound_to(org, name))
    row = insert(targets).values(org_id=org, name=name, url=url, sealed=sealed, created_at=at)
    id = int(conn.execute(row.returning(targets.c.id)).scalar_one())
    touch_config(conn, org)
    return id


def has_target(conn: Connection, org: int, name: str) -> bool:
    """Whether there is one of the name."""
    query = select(targets.c.id).where(targets.c.org_id == org, targets.c.name == name)
    return conn.execute(query).first() is not None


def all_targets(conn: Connection, vault: Vault, org: int) -> list[TargetRow]:
    """Every target of the organization, oldest first."""
    rows = conn.execute(
        select(targets.c.id, targets.c.name, targets.c.url, targets.c.sealed)
        .where(targets.c.org_id == org)
        .order_by(targets.c.id)
    )
    return [_target(row, vault, org) for row in rows]


def rotate_target(conn: Connection, vault: Vault, row: TargetRow, secret: str) -> None:
    """The new secret signs from now on, in place of the old one."""
    sealed = vault.seal({"secret": secret}, bound_to=target_bound_to(row.org, row.name))
    mine = (targets.c.org_id == row.org, targets.c.id == row.id)
    conn.execute(update(targets).where(*mine).values(sealed=sealed))
    touch_config(conn, row.org)


def _target(row: Any, vault: Vault, org: int) -> TargetRow:
    secret, problem = "", None
    try:
        secret = vault.open(row.sealed, bound_to=target_bound_to(org, row.name))["secret"]
    except Sealed as error:
        # One target's damage must not stop its organization.
        problem = (
            f"the secrets of the target {row.name} {error.why}; or give it a new one:"
            f" relay target rotate {row.name}"
        )
    return TargetRow(
        id=row.id, org=org, name=row.name, url=row.url, secret=secret, problem=problem
    )  # fmt: skip


_CONNECTION = select(
    connections.c.id,
    connections.c.org_id.label("org"),
    connections.c.provider,
    connections.c.name,
    connections.c.base_url,
    connections.c.sandbox_path,
    connections.c.given,
    connections.c.settings,
    connections.c.state,
    connections.c.reason,
    connections.c.used_at,
)


def _read(row: Any) -> ConnectionRow:
    return ConnectionRow(**row._mapping)


def bound_to(id: int) -> str:
    """What a connection's envelope is bound to."""
    return f"connection:{id}"


def target_bound_to(org: int, name: str) -> str:
    """What a target's envelope is bound to."""
    return f"target:{org}:{name}"
