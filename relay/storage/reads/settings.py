"""People, keys and the audit log, as the settings page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from relay.storage.reads.page import Cut, Page, cut_page
from relay.storage.tables.identity import api_keys, audit_log, users


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """An API key; its secret is known to nobody any more."""

    id: str
    name: str
    scopes: Sequence[str]
    lists: Sequence[str] | None
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    """Somebody who may sign in."""

    id: str
    email: str
    name: str
    role: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """Who did what."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    before: Any
    after: Any


def keys(conn: Connection, org: int) -> list[KeyRow]:
    """The live keys, oldest first."""
    query = select(*(api_keys.c[name] for name in KeyRow.__slots__)).where(
        api_keys.c.org_id == org, api_keys.c.revoked_at.is_(None)
    )
    return [KeyRow(**row._mapping) for row in conn.execute(query.order_by(api_keys.c.id))]


def people(conn: Connection, org: int) -> list[UserRow]:
    """Everyone of the organization."""
    query = select(*(users.c[name] for name in UserRow.__slots__)).where(users.c.org_id == org)
    return [UserRow(**row._mapping) for row in conn.execute(query.order_by(users.c.id))]


def audit(conn: Connection, org: int, cut: Cut) -> Page[AuditRow]:
    """A page of the audit log, newest first."""
    statement = select(audit_log).where(audit_log.c.org_id == org)
    return cut_page(conn, statement, audit_log.c.id, cut, _read)


def _read(row: Any) -> AuditRow:
    return AuditRow(**{name: getattr(row, name) for name in AuditRow.__slots__})
