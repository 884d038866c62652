"""Troubles that people are told of, and the mails: in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage.tables.hooks import hooks
from relay.storage.tables.notices import mails, troubles
from relay.storage.tables.runs import runs
from relay.storage.tables.setup import connections, rule_findings

NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # when people were told of what they have yet to hear


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing that does not work, for one cause. `untold` counts how often since `told_at`."""

    org: int
    kind: str
    ref: str
    cause: str
    message: str
    recipients: Sequence[str]
    run: int | None
    untold: int
    since: datetime
    told_at: datetime

    @property
    def was_never_told(self) -> bool:
        """It began in quiet hours, and they are not over."""
        return self.told_at == NEVER


def note(conn: Connection, new: Trouble) -> bool:
    """Counts it; True where it is the first of its cause, of which people are to be told now."""
    upsert = postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
    first = conn.execute(
        upsert(troubles)
        .values(
            org_id=new.org, kind=new.kind, ref=new.ref, cause=new.cause, message=new.message,
            recipients=list(new.recipients), run_id=new.run, untold=new.untold, since=new.since,
            told_at=new.told_at,
        )
        .on_conflict_do_nothing()
        .returning(troubles.c.cause)
    ).first()  # fmt: skip
    if first is not None:
        return True
    again = {"untold": troubles.c.untold + 1, "run_id": new.run}
    conn.execute(update(troubles).where(_this(new)).values(**again))
    return False


def untold(conn: Connection, before: datetime) -> list[Trouble]:
    """Those that went on after people were told, the last time before then; locked."""
    query = select(troubles).where(troubles.c.untold > 0, troubles.c.told_at <= before)
    return [_read(row) for row in conn.execute(query.with_for_update(skip_locked=True))]


def told(conn: Connection, one: Trouble, at: datetime) -> None:
    conn.execute(update(troubles).where(_this(one)).values(untold=0, told_at=at))


def standing(conn: Connection) -> list[Trouble]:
    """All there are; locked."""
    query = select(troubles).with_for_update(skip_locked=True)
    return [_read(row) for row in conn.execute(query)]


def any_standing(conn: Connection) -> bool:
    return conn.execute(select(troubles.c.org_id).limit(1)).first() is not None


def over(conn: Connection, org: int, kind: str, ref: str) -> None:
    """It works again, whatever the causes were."""
    mine = (troubles.c.org_id == org, troubles.c.kind == kind, troubles.c.ref == ref)
    conn.execute(delete(troubles).where(*mine))


def has_succeeded(conn: Connection, org: int, rule: str, since_run: int | None) -> bool:
    """Whether a run of the rule has come to a good end, that one or a newer."""
    query = select(runs.c.id).where(
        runs.c.org_id == org,
        runs.c.rule_id == rule,
        runs.c.state == "succeeded",
        runs.c.id >= (since_run or 0),
    )
    return conn.execute(query.limit(1)).first() is not None


def stopped_connections(conn: Connection) -> list[Any]:
    """Connections that were in use and need a person."""
    columns = (connections.c.org_id, connections.c.name, connections.c.reason)
    query = select(*columns, connections.c.settings).where(
        connections.c.state == "needs_reconnect", connections.c.used_at.is_not(None)
    )
    return list(conn.execute(query))


def disabled_hooks(conn: Connection) -> list[Any]:
    """Hooks that Relay has disabled; a person can only pause one."""
    columns = (hooks.c.org_id, hooks.c.id, hooks.c.reason)
    return list(conn.execute(select(*columns).where(hooks.c.state == "disabled")))


def stale_sets(conn: Connection) -> list[Any]:
    """Organizations whose last rules were refused, or whose live ones no longer fit."""
    found = select(rule_findings.c.org_id, rule_findings.c.about, rule_findings.c.findings)
    return list(conn.execute(found))


def _this(one: Trouble) -> ColumnElement[bool]:
    return and_(
        troubles.c.org_id == one.org,
        troubles.c.kind == one.kind,
        troubles.c.ref == one.ref,
        troubles.c.cause == one.cause,
    )


def _read(row: Any) -> Trouble:
    return Trouble(
        org=row.org_id,
        kind=row.kind,
        ref=row.ref,
        cause=row.cause,
        message=row.message,
        recipients=row.recipients,
        run=row.run_id,
        untold=row.untold,
        since=row.since,
        told_at=row.told_at,
    )


# --- mails ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail to one person."""

    id: int
    org: int
    recipient: str
    subject: str
    body: str
    state: str
    reason: str | None
    attempts: int
    created_at: datetime


def add_mail(conn: Connection, row: Mapping[str, Any]) -> int:
    return int(conn.execute(insert(mails).values(**row).returning(mails.c.id)).scalar_one())


def read_mails(conn: Connection, ids: Sequence[int]) -> list[Mail]:
    """The mails, by id."""
    rows = conn.execute(_MAILS.where(mails.c.id.in_(ids)).order_by(mails.c.id))
    return [Mail(**row._mapping) for row in rows]


def last_mails(conn: Connection, org: int, limit: int) -> list[Mail]:
    """An organization's newest."""
    rows = conn.execute(
        _MAILS.where(mails.c.org_id == org).order_by(mails.c.id.desc()).limit(limit)
    )
    return [Mail(**row._mapping) for row in rows]


def update_mail(conn: Connection, id: int, values: Mapping[str, Any]) -> None:
    conn.execute(update(mails).where(mails.c.id == id).values(**values))


_MAILS = select(
    mails.c.id,
    mails.c.org_id.label("org"),
    mails.c.recipient,
    mails.c.subject,
    mails.c.body,
    mails.c.state,
    mails.c.reason,
    mails.c.attempts,
    mails.c.created_at,
)
