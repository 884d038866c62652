"""Organizations, people, keys and sessions, and the audit log of what was changed."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from sqlalchemy import Connection, func, insert, select, update

from relay.core import ids
from relay.core.access import AUTHORIZATION_FAILED, ROLES, SCOPES, Caller, Person
from relay.core.errors import BadSignature, Conflict, InvalidInput, NotFound
from relay.core.quiet import NEVER
from relay.storage.tables.identity import api_keys, audit_log, organizations, sessions, users

SESSION = timedelta(days=14)
_HASHER = PasswordHasher()
_KEY = re.compile("[0-9a-f]{24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """A company that uses Relay; a test one never reaches a real outside system."""

    id: int
    name: str
    is_test: bool
    time_zone: str
    settings: Mapping[str, object]
    config_version: int
    rule_set_hash: str | None
    bookings_held: bool
    key_limit: int
    quiet_hours: str = NEVER


def create_organization(conn: Connection, name: str, *, is_test: bool, at: datetime) -> int:
    """Its id. Raises Conflict for a name that is taken."""
    if not name.strip():
        raise InvalidInput("an organization needs a name")
    taken = select(organizations.c.id).where(organizations.c.name == name)
    if conn.execute(taken).first() is not None:
        raise Conflict(f"there is an organization {name!r} already")
    row = insert(organizations).values(name=name, is_test=is_test, settings={}, created_at=at)
    return int(conn.execute(row.returning(organizations.c.id)).scalar_one())


def organization(conn: Connection, org: int) -> Organization:
    """Raises NotFound."""
    return _organization(conn, organizations.c.id == org, f"organization {org}")


def organization_named(conn: Connection, name: str | None) -> Organization:
    """The one of that name, or the only one. Raises NotFound, or InvalidInput where a name is
    needed."""
    if name is not None:
        return _organization(conn, organizations.c.name == name, repr(name))
    names = conn.execute(select(organizations.c.name).order_by(organizations.c.id).limit(9)).all()
    if len(names) > 1:
        raise InvalidInput(f"which organization? --org {' | '.join(n for (n,) in names)}")
    if not names:
        raise NotFound("there is no organization yet: relay org create NAME")
    return _organization(conn, organizations.c.name == names[0].name, names[0].name)


def all_organizations(conn: Connection) -> list[Organization]:
    """Every one, oldest first."""
    return [_read(row) for row in conn.execute(_ORGANIZATIONS.order_by(organizations.c.id))]


_ORGANIZATIONS = select(
    organizations.c.id,
    organizations.c.name,
    organizations.c.is_test,
    organizations.c.time_zone,
    organizations.c.settings,
    organizations.c.config_version,
    organizations.c.rule_set_hash,
    organizations.c.bookings_held,
    organizations.c.key_limit,
    organizations.c.quiet_hours,
)


def _organization(conn: Connection, which: Any, name: str) -> Organization:
    row = conn.execute(_ORGANIZATIONS.where(which)).first()
    if row is None:
        raise NotFound(f"there is no {name} here")
    return _read(row)


def _read(row: Any) -> Organization:
    return Organization(**row._mapping)


def touch_config(conn: Connection, org: int) -> None:
    """Tells every worker to read the organization's set-up again."""
    conn.execute(
        update(organizations)
        .where(organizations.c.id == org)
        .values(config_version=organizations.c.config_version + 1)
    )


# --- people --------------------------------------------------------------------------------------


def create_user(
    conn: Connection,
    org: int,
    *,
    email: str,
    name: str,
    role: str,
    password: str | None,
    at: datetime,
) -> str:
    """The new user's id. Raises InvalidInput or Conflict."""
    if role not in ROLES:
        raise InvalidInput(f"{role!r} is no role: {', '.join(ROLES)}")
    address = email.strip().lower()
    if conn.execute(select(users.c.id).where(users.c.email == address)).first() is not None:
        raise Conflict(f"somebody has the address {address} already")
    id = ids.record_id(at)
    conn.execute(
        insert(users).values(
            id=id,
            org_id=org,
            email=address,
            name=name,
            role=role,
            password_hash=None if password is None else _HASHER.hash(password),
            created_at=at,
        )
    )
    return id


def sign_in(conn: Connection, email: str, password: str, at: datetime) -> str:
    """A session's token. Raises BadSignature with one text for every reason."""
    row = conn.execute(
        select(users.c.id, users.c.org_id, users.c.password_hash).where(
            users.c.email == email.strip().lower()
        )
    ).first()
    known = None if row is None else row.password_hash
    try:
        _HASHER.verify(known or _nobody(), password)
    except VerificationError:
        known = None
    if row is None or known is None:
        raise BadSignature("that email and password do not belong together")
    token = ids.token()
    conn.execute(
        insert(sessions).values(
            token_hash=_hash(token), user_id=row.id, created_at=at, expires_at=at + SESSION
        )
    )
    audit(conn, row.org_id, email, "signed in", row.id, at=at)
    return token


@cache
def _nobody() -> str:
    """What is checked when nobody has the address, so that the answer takes as long. Made once, and
    not by every process that is only about to start."""
    return _HASHER.hash("nobody has this password")


def note_refused_sign_in(conn: Connection, email: str, caller: str, at: datetime) -> None:
    """Writes down that somebody tried; nothing where nobody has the address."""
    row = conn.execute(
        select(users.c.id, users.c.org_id).where(users.c.email == email.strip().lower())
    ).first()
    if row is not None:
        audit(conn, row.org_id, caller, "sign-in refused", row.id, at=at)


def session(conn: Connection, token: str, at: datetime) -> Person | None:
    """Whose session it is; None when it has ended."""
    row = conn.execute(
        select(users.c.id, users.c.org_id, users.c.name, users.c.email, users.c.role)
        .join(sessions, sessions.c.user_id == users.c.id)
        .where(sessions.c.token_hash == _hash(token), sessions.c.expires_at > at)
    ).first()
    if row is None:
        return None
    return Person(id=row.id, org=row.org_id, name=row.name, email=row.email, role=row.role)


def sign_out(conn: Connection, token: str) -> None:
    """Ends a session."""
    conn.execute(sessions.delete().where(sessions.c.token_hash == _hash(token)))


# --- keys ----------------------------------------------------------------------------------------


def create_key(
    conn: Connection,
    org: int,
    *,
    name: str,
    scopes: Sequence[str] = SCOPES,
    lists: Sequence[str] | None = None,
    by: str,
    at: datetime,
) -> tuple[str, str]:
    """(key, secret); the secret is shown this once. Raises InvalidInput for an unknown scope and
    Conflict at the organization's limit."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise InvalidInput(f"{unknown[0]!r} is no scope: {', '.join(SCOPES)}")
    limit = organization(conn, org).key_limit
    live = select(func.count()).where(api_keys.c.org_id == org, api_keys.c.revoked_at.is_(None))
    if conn.execute(live).scalar_one() >= limit:
        raise Conflict(
            f"this organization has its {limit} API keys: revoke one, or let an admin raise the"
            " limit with: relay org set --key-limit N"
        )
    key, secret = ids.record_id(at), ids.token(20)
    conn.execute(
        insert(api_keys).values(
            id=key,
            org_id=org,
            name=name,
            secret_hash=_hash(secret),
            earlier_hashes=[],
            scopes=list(scopes),
            lists=None if lists is None else list(lists),
            created_at=at,
        )
    )
    audit(conn, org, by, "key created", key, after={"name": name, "scopes": list(scopes)}, at=at)
    return key, secret


def reset_secret(conn: Connection, org: int, key: str, *, by: str, at: datetime) -> str:
    """A new secret; the old one ends at once. Raises NotFound."""
    row = conn.execute(
        select(api_keys.c.secret_hash, api_keys.c.earlier_hashes).where(
            api_keys.c.org_id == org, api_keys.c.id == key, api_keys.c.revoked_at.is_(None)
        )
    ).first()
    if row is None:
        raise NotFound(f"there is no key {key} here")
    secret = ids.token(20)
    conn.execute(
        update(api_keys)
        .where(api_keys.c.id == key)
        .values(
            secret_hash=_hash(secret), earlier_hashes=[*row.earlier_hashes, row.secret_hash][-5:]
        )
    )
    audit(conn, org, by, "secret reset", key, at=at)
    return secret


def revoke_key(conn: Connection, org: int, key: str, *, by: str, at: datetime) -> None:
    """Ends a key and frees its slot. Raises NotFound."""
    found = conn.execute(
        update(api_keys)
        .where(api_keys.c.org_id == org, api_keys.c.id == key, api_keys.c.revoked_at.is_(None))
        .values(revoked_at=at)
    )
    if found.rowcount == 0:
        raise NotFound(f"there is no key {key} here")
    audit(conn, org, by, "key revoked", key, at=at)


def authenticate(conn: Connection, key: str, secret: str) -> Caller:
    """Who calls. Raises Refused, which is one and the same to the caller and says the true reason
    to the audit log."""
    if not _KEY.fullmatch(key):
        raise Refused(None, key, "unknown key")
    row = conn.execute(select(api_keys).where(api_keys.c.id == key)).first()
    given = _hash(secret)
    if row is None:
        raise Refused(None, key, "unknown key")
    if row.revoked_at is not None:
        raise Refused(row.org_id, key, "revoked key")
    if not hmac.compare_digest(row.secret_hash, given):
        old = any(hmac.compare_digest(earlier, given) for earlier in row.earlier_hashes)
        raise Refused(row.org_id, key, "outdated secret" if old else "wrong secret")
    return Caller(org=row.org_id, key=key, name=row.name, scopes=row.scopes, lists=row.lists)


def note_use(conn: Connection, key: str, at: datetime) -> None:
    """Writes down when the key was used last."""
    conn.execute(update(api_keys).where(api_keys.c.id == key).values(used_at=at))


class Refused(BadSignature):
    """A key that was refused: `str()` is for the caller, `reason` for the audit log."""

    def __init__(self, org: int | None, key: str, reason: str) -> None:
        super().__init__(AUTHORIZATION_FAILED)
        self.org = org
        self.key = key
        self.reason = reason


def _hash(secret: str) -> str:
    # Tokens are random and long, so a slow hash would only cost time.
    return hashlib.sha256(secret.encode()).hexdigest()


# --- audit ---------------------------------------------------------------------------------------


def audit(
    conn: Connection,
    org: int,
    actor: str,
    action: str,
    subject: str,
    *,
    at: datetime,
    before: object = None,
    after: object = None,
) -> None:
    """Writes down who changed what."""
    conn.execute(
        insert(audit_log).values(
            org_id=org,
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            before=before,
            after=after,
        )
    )
