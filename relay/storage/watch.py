"""The state of a watch on a CRM elsewhere: definitions, cursors, shadows and counted requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from relay.storage.batches import Way, insert_fresh, insert_rows
from relay.storage.database import Database
from relay.storage.sets import among
from relay.storage.tables.watch import cursors, item_shadows, remote_crms
from relay.storage.tables.work import work
from relay.storage.work import Kind, NewWork
from relay.storage.work import add as add_work

Wire = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRow:
    """One CRM elsewhere. `requests` are those of `day`, `watch_requests` the watch's own."""

    connection: int
    org: int
    lists: Sequence[Wire] | None
    account_fields: Sequence[Wire]
    defined_at: datetime | None
    looked_at: datetime | None
    failures: int
    problem: str | None
    day: date | None
    requests: int
    watch_requests: int

    def spent(self, today: date) -> tuple[int, int]:
        """The requests of today: all, and the watch's."""
        return (self.requests, self.watch_requests) if self.day == today else (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far one list was read."""

    list_id: str
    cursor_ms: int = 0
    newest_ms: int = 0
    since_ms: int | None = None
    passed_at: datetime | None = None
    pass_no: int = 1
    pass_start: int | None = None
    tail: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """An item as it was last seen."""

    list_id: str
    item: Wire
    modified_ms: int
    seen_ms: int
    pass_no: int
    gone: bool


def begin(db: Database, conn: Connection, org: int, connection: int) -> None:
    """The watch of a new connection, due at once."""
    conn.execute(insert(remote_crms).values(connection_id=connection, org_id=org))
    add_work(db, conn, Kind.WATCH, [NewWork(id=connection, org=org)])


def due_now(conn: Connection, connection: int, now: datetime) -> None:
    """Lets the next look begin, unless one is under way."""
    conn.execute(
        update(work)
        .where(work.c.kind == int(Kind.WATCH), work.c.id == connection, work.c.token.is_(None))
        .values(due_at=now)
    )


def forget(conn: Connection, connection: int) -> None:
    """Everything that was known of it."""
    for table in (item_shadows, cursors, remote_crms):
        conn.execute(delete(table).where(table.c.connection_id == connection))


def watch_of(conn: Connection, connection: int) -> WatchRow | None:
    row = conn.execute(select(remote_crms).where(remote_crms.c.connection_id == connection)).first()
    return None if row is None else _watch(row)


def watches(conn: Connection, org: int) -> dict[int, WatchRow]:
    """By connection."""
    rows = conn.execute(select(remote_crms).where(remote_crms.c.org_id == org))
    return {row.connection_id: _watch(row) for row in rows}


def _watch(row: Any) -> WatchRow:
    values = dict(row._mapping)
    return WatchRow(
        connection=values.pop("connection_id"),
        org=values.pop("org_id"),
        account_fields=values.pop("account_fields") or (),
        **values,
    )


def define(
    conn: Connection,
    connection: int,
    lists: Sequence[Wire],
    account_fields: Sequence[Wire],
    now: datetime,
) -> None:
    """What its lists and fields are."""
    _set(conn, connection, lists=list(lists), account_fields=list(account_fields), defined_at=now)


def redefine(conn: Connection, connection: int) -> None:
    """Its lists and fields are to be read again at the next look; nothing where it is no CRM."""
    _set(conn, connection, defined_at=None)


def looked(conn: Connection, connection: int, now: datetime) -> None:
    """A look went well to its end."""
    _set(conn, connection, looked_at=now, failures=0, problem=None)


def failed(conn: Connection, connection: int, problem: str) -> None:
    """A look broke off."""
    _set(conn, connection, failures=remote_crms.c.failures + 1, problem=problem)


def spend(conn: Connection, connection: int, today: date, *, all_: int, watch: int) -> None:
    """Counts requests; with a new day the count begins anew."""
    same = remote_crms.c.day == literal(today)
    _set(
        conn,
        connection,
        requests=case((same, remote_crms.c.requests), else_=0) + all_,
        watch_requests=case((same, remote_crms.c.watch_requests), else_=0) + watch,
        day=today,
    )


def _set(conn: Connection, connection: int, **values: Any) -> None:
    conn.execute(
        update(remote_crms).where(remote_crms.c.connection_id == connection).values(**values)
    )


# --- cursors -------------------------------------------------------------------------------------


def cursors_of(conn: Connection, connection: int) -> dict[str, Cursor]:
    """By list."""
    rows = conn.execute(select(cursors).where(cursors.c.connection_id == connection))
    return {
        row.list_id: Cursor(
            list_id=row.list_id,
            cursor_ms=row.cursor_ms,
            newest_ms=row.newest_ms,
            since_ms=row.since_ms,
            passed_at=row.passed_at,
            pass_no=row.pass_no,
            pass_start=row.pass_start,
            tail=row.tail or (),
        )
        for row in rows
    }


def keep_cursor(conn: Connection, org: int, connection: int, cursor: Cursor) -> None:
    """Writes it, new or over the old one."""
    values = {
        "org_id": org,
        "cursor_ms": cursor.cursor_ms,
        "newest_ms": cursor.newest_ms,
        "since_ms": cursor.since_ms,
        "passed_at": cursor.passed_at,
        "pass_no": cursor.pass_no,
        "pass_start": cursor.pass_start,
        "tail": list(cursor.tail),
    }
    statement = _upsert(conn)(cursors).values(
        connection_id=connection, list_id=cursor.list_id, **values
    )
    conn.execute(
        statement.on_conflict_do_update(index_elements=["connection_id", "list_id"], set_=values)
    )


# --- shadows -------------------------------------------------------------------------------------


def add_shadows(conn: Connection, org: int, connection: int, new: Mapping[str, Shadow]) -> set[str]:
    """Those of the items that nobody had seen. The unique key decides; who adds the same item at
    the same time waits for our commit."""
    if not new:
        return set()
    rows = [_shadow_row(org, connection, id, new[id]) for id in sorted(new)]
    return {str(id) for id in insert_fresh(conn, item_shadows, rows, told="item_id")}


def locked_shadows(conn: Connection, connection: int, ids: Sequence[str]) -> dict[str, Shadow]:
    """The items as they were last seen; on PostgreSQL nobody else looks until the commit."""
    return _shadows(conn, _LOCKED, connection, ids)


def read_shadows(conn: Connection, connection: int, ids: Sequence[str]) -> dict[str, Shadow]:
    """The same without locking them."""
    return _shadows(conn, _THESE, connection, ids)


_THESE = select(item_shadows).where(
    item_shadows.c.connection_id == bindparam("connection"), among(item_shadows.c.item_id, "ids")
)
_LOCKED = _THESE.order_by(item_shadows.c.item_id).with_for_update()


def _shadows(
    conn: Connection, query: Select[Any], connection: int, ids: Sequence[str]
) -> dict[str, Shadow]:
    if not ids:
        return {}
    rows = conn.execute(query, {"connection": connection, "ids": ids})
    return {row.item_id: _shadow(row) for row in rows}


def shadows_after(
    conn: Connection, connection: int, list_id: str, id: str, limit: int
) -> list[Shadow]:
    """A page of a list's items that are there, in the order of their ids."""
    query = (
        select(item_shadows)
        .where(
            item_shadows.c.connection_id == connection,
            item_shadows.c.item_id > id,
            item_shadows.c.list_id == list_id,
            item_shadows.c.gone.is_(False),
        )
        .order_by(item_shadows.c.item_id)
        .limit(limit)
    )
    return [_shadow(row) for row in conn.execute(query)]


def keep_shadows(
    conn: Connection, org: int, connection: int, changed: Mapping[str, Shadow]
) -> None:
    """Writes items that were seen before as they are now."""
    if not changed:
        return
    rows = [_shadow_row(org, connection, id, changed[id]) for id in sorted(changed)]
    insert_rows(conn, item_shadows, rows, _ANEW)


_ANEW = Way(by=("connection_id", "item_id"), keep=("org_id",))


def met(conn: Connection, connection: int, ids: Sequence[str], pass_no: int) -> None:
    """A pass met these items."""
    if ids:
        conn.execute(
            update(item_shadows)
            .where(item_shadows.c.connection_id == connection, item_shadows.c.item_id.in_(ids))
            .values(pass_no=pass_no)
        )


def unmet(conn: Connection, connection: int, list_id: str, pass_no: int) -> list[str]:
    """Items that a pass which is over has not met."""
    query = select(item_shadows.c.item_id).where(
        item_shadows.c.connection_id == connection,
        item_shadows.c.list_id == list_id,
        item_shadows.c.pass_no < pass_no,
        item_shadows.c.gone.is_(False),
    )
    return list(conn.execute(query.order_by(item_shadows.c.item_id)).scalars())


def counted(conn: Connection, connection: int) -> dict[str, int]:
    """How many items of each list are known to be there."""
    rows = conn.execute(
        select(item_shadows.c.list_id, func.count().label("items"))
        .where(item_shadows.c.connection_id == connection, item_shadows.c.gone.is_(False))
        .group_by(item_shadows.c.list_id)
    )
    return {row.list_id: row.items for row in rows}


def runs_in_hand(conn: Connection, org: int, now: datetime) -> bool:
    """Whether a worker may have written something there that it has not recorded yet."""
    query = (
        select(work.c.id)
        .where(work.c.kind == int(Kind.RUN), work.c.org_id == org, work.c.lease_until > now)
        .limit(1)
    )
    return conn.execute(query).first() is not None


def _shadow_row(org: int, connection: int, id: str, one: Shadow) -> dict[str, Any]:
    return {
        "connection_id": connection,
        "item_id": id,
        "org_id": org,
        "list_id": one.list_id,
        "item": dict(one.item),
        "modified_ms": one.modified_ms,
        "seen_ms": one.seen_ms,
        "pass_no": one.pass_no,
        "gone": one.gone,
    }


def _shadow(row: Any) -> Shadow:
    return Shadow(
        list_id=row.list_id,
        item=row.item,
        modified_ms=row.modified_ms,
        seen_ms=row.seen_ms,
        pass_no=row.pass_no,
        gone=row.gone,
    )


def _upsert(conn: Connection) -> Any:
    return postgresql_insert if conn.dialect.name == "postgresql" else sqlite_insert
