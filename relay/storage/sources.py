"""Sources: inbound addresses, their secrets and where their fields go."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from relay.core import ids
from relay.core.errors import Conflict, InvalidInput, NotFound
from relay.integration import Brought, SourceConfig
from relay.storage.identity import touch_config
from relay.storage.tables.setup import sources
from relay.storage.vault import Sealed, Vault

OVERLAP = timedelta(hours=24)  # how long a rotated secret still counts
MOST_BROUGHT = 10  # unconfirmed secrets of one source


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """A source as it is stored. `token` is the unguessable end of its address. `problem`: why that
    and its secrets cannot be read; what is sent there cannot be verified."""

    id: int
    org: int
    type: str
    name: str
    token: str
    state: str
    reason: str | None
    options: Mapping[str, object]
    secrets: Sequence[Mapping[str, Any]]
    mapping: Mapping[str, object] | None
    connection_id: int | None
    problem: str | None = None

    def config(self, now: datetime) -> SourceConfig:
        """What the provider's functions are given: the secrets that count now, newest first."""
        live = [
            one["value"]
            for one in self.secrets
            if not one.get("brought") and (not one.get("until") or one["until"] > now)
        ]
        return SourceConfig(name=self.name, secrets=live, options=self.options)

    @property
    def has_secret(self) -> bool:
        """Whether one is kept that was made here, or that its sender has shown or brought."""
        return any(not one.get("brought") and not one.get("lent") for one in self.secrets)

    @property
    def brought(self) -> dict[str, str]:
        """The secrets that its sender brought and that nobody has confirmed yet, by its ids."""
        return {one["brought"]: one["value"] for one in self.secrets if one.get("brought")}


def create_source(
    conn: Connection,
    vault: Vault,
    org: int,
    *,
    type: str,
    name: str,
    secret: str | None,
    at: datetime,
    options: Mapping[str, object] | None = None,
    mapping: Mapping[str, object] | None = None,
    connection_id: int | None = None,
) -> SourceRow:
    """A new source; its token is made here. Raises Conflict or InvalidInput."""
    if not name.strip():
        raise InvalidInput("a source needs a name", {"name": ["is empty"]})
    if conn.execute(_SOURCE.where(sources.c.org_id == org, sources.c.name == name)).first():
        raise Conflict(f"there is a source {name!r} already")
    token = ids.token()
    secrets = [] if secret is None else [{"value": secret}]
    token_hash = _hash(token)
    sealed = vault.seal({"token": token, "secrets": secrets}, bound_to=bound_to(token_hash))
    conn.execute(
        insert(sources).values(
            org_id=org,
            type=type,
            name=name,
            token_hash=token_hash,
            sealed=sealed,
            options=dict(options or {}),
            mapping=mapping,
            connection_id=connection_id,
            state="active",
            created_at=at,
        )
    )
    touch_config(conn, org)
    return source_named(conn, vault, org, name)


def source_by_token(conn: Connection, vault: Vault, token: str) -> SourceRow | None:
    """The source behind an inbound address; None where there is none."""
    row = conn.execute(_SOURCE.where(sources.c.token_hash == _hash(token))).first()
    return None if row is None else _read(row, vault)


def source_named(conn: Connection, vault: Vault, org: int, name: str) -> SourceRow:
    """Raises NotFound."""
    row = conn.execute(_SOURCE.where(sources.c.org_id == org, sources.c.name == name)).first()
    if row is None:
        raise NotFound(f"there is no source {name!r} here")
    return _read(row, vault)


def all_sources(conn: Connection, vault: Vault, org: int) -> list[SourceRow]:
    """Every source of the organization, oldest first."""
    rows = conn.execute(_SOURCE.where(sources.c.org_id == org).order_by(sources.c.id))
    return [_read(row, vault) for row in rows]


def set_mapping(
    conn: Connection, org: int, source: int, mapping: Mapping[str, object] | None
) -> None:
    """Where the source's fields go from now on."""
    conn.execute(
        update(sources)
        .where(sources.c.org_id == org, sources.c.id == source)
        .values(mapping=mapping)
    )
    touch_config(conn, org)


def set_options(
    conn: Connection,
    org: int,
    source: int,
    options: Mapping[str, object],
    connection_id: int | None,
) -> None:
    """How it checks and reads what comes, and through which connection that is completed."""
    conn.execute(
        update(sources)
        .where(sources.c.org_id == org, sources.c.id == source)
        .values(options=dict(options), connection_id=connection_id)
    )
    touch_config(conn, org)


def set_state(conn: Connection, org: int, source: int, state: str, reason: str | None) -> None:
    """`active`, `paused` or `disabled`, and why."""
    conn.execute(
        update(sources)
        .where(sources.c.org_id == org, sources.c.id == source)
        .values(state=state, reason=reason)
    )
    touch_config(conn, org)


def rotate_secret(
    conn: Connection, vault: Vault, row: SourceRow, secret: str, *, now: datetime
) -> None:
    """The new secret counts at once, the old ones for a day more."""
    kept = [
        one if one.get("brought") else {**one, "until": one.get("until") or now + OVERLAP}
        for one in row.secrets
        if not one.get("until") or one["until"] > now
    ]
    _seal(conn, vault, row, [{"value": secret}, *kept])


def make_anew(
    conn: Connection, vault: Vault, row: SourceRow, secret: str | None
) -> SourceRow:  # fmt: skip
    """Another address, for the one that it had cannot be read any more, and another secret."""
    token = ids.token()
    hashed = _hash(token)
    conn.execute(
        update(sources)
        .where(sources.c.org_id == row.org, sources.c.id == row.id)
        .values(token_hash=hashed)
    )
    fresh = replace(row, token=token, secrets=(), problem=None)
    _seal(conn, vault, fresh, [] if secret is None else [{"value": secret}])
    return source_named(conn, vault, row.org, row.name)


def lend_secret(
    conn: Connection, vault: Vault, org: int, source: int, secret: str, *, until: datetime
) -> None:
    """One that counts for a moment, to try a source whose sender's own is not known yet."""
    row = _locked(conn, vault, org, source)
    kept = [one for one in row.secrets if not one.get("lent")]
    _seal(conn, vault, row, [*kept, {"value": secret, "until": until, "lent": True}])


def keep_brought(conn: Connection, vault: Vault, org: int, source: int, brought: Brought) -> None:
    """Keeps a secret that a sender brought apart, the newest few of them."""
    row = _locked(conn, vault, org, source)
    others = [one for one in row.secrets if one.get("brought") not in (None, brought.id)]
    live = [one for one in row.secrets if not one.get("brought")]
    fresh = {"value": brought.secret, "brought": brought.id}
    _seal(conn, vault, row, [*live, *others[-(MOST_BROUGHT - 1) :], fresh])


def confirm_brought(conn: Connection, vault: Vault, org: int, source: int, id: str) -> None:
    """From now on the secret counts beside the others: each call-back has its own."""
    row = _locked(conn, vault, org, source)
    secrets = [{"value": one["value"]} if one.get("brought") == id else one for one in row.secrets]
    _seal(conn, vault, row, secrets)


def _locked(conn: Connection, vault: Vault, org: int, source: int) -> SourceRow:
    where = _SOURCE.where(sources.c.org_id == org, sources.c.id == source).with_for_update()
    return _read(conn.execute(where).one(), vault)


def _seal(
    conn: Connection, vault: Vault, row: SourceRow, secrets: Sequence[Mapping[str, Any]]
) -> None:
    if row.problem is not None:
        raise Conflict(row.problem)
    bound = bound_to(_hash(row.token))
    sealed = vault.seal({"token": row.token, "secrets": list(secrets)}, bound_to=bound)
    conn.execute(
        update(sources)
        .where(sources.c.org_id == row.org, sources.c.id == row.id)
        .values(sealed=sealed)
    )
    touch_config(conn, row.org)


_SOURCE = select(
    sources.c.id,
    sources.c.org_id,
    sources.c.type,
    sources.c.name,
    sources.c.token_hash,
    sources.c.sealed,
    sources.c.state,
    sources.c.reason,
    sources.c.options,
    sources.c.mapping,
    sources.c.connection_id,
)


def _read(row: Any, vault: Vault) -> SourceRow:
    held: Mapping[str, Any] = {"token": "", "secrets": ()}
    problem = None
    try:
        held = vault.open(row.sealed, bound_to=bound_to(row.token_hash))
    except Sealed as error:
        # One source's damage must not stop its organization.
        problem = (
            f"the address and the secret of the source {row.name} {error.why}; or give it new ones:"
            f" relay source rotate {row.name}"
        )
    return SourceRow(
        id=row.id,
        org=row.org_id,
        type=row.type,
        name=row.name,
        token=held["token"],
        state=row.state,
        reason=row.reason,
        options=row.options,
        secrets=held["secrets"],
        mapping=row.mapping,
        connection_id=row.connection_id,
        problem=problem,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def bound_to(token_hash: str) -> str:
    """What a source's envelope is bound to."""
    return f"source:{token_hash[:16]}"
