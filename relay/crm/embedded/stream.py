"""The Account Stream: entries posted in batches, and read for one item or account."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, insert, select, update

from relay.crm.moments import instant
from relay.crm.port import Author
from relay.storage.batches import MISSING, insert_rows
from relay.storage.bundle import Bundle
from relay.storage.crm_rows import of_org
from relay.storage.sets import among
from relay.storage.tables.crm import (
    contact_emails,
    contact_phones,
    item_contacts,
    items,
    stream_entries,
    stream_participants,
)
from relay.storage.tables.events import events
from relay.storage.tables.setup import sources


@dataclass(slots=True, kw_only=True)
class Post:
    """An entry to be posted. `emails` and `phones` name people who need not be contacts."""

    subject: str
    body: str
    author: Author
    key: str | None = None
    item_id: str | None = None
    account_id: str | None = None
    contact_id: str | None = None
    emails: Sequence[str] = ()
    phones: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry as people see it; `author` says who wrote it, with run and event where there are."""

    id: int
    at: datetime
    subject: str
    body: str
    author: Author
    item_id: str | None = None
    account_id: str | None = None
    contact_id: str | None = None
    participants: Sequence[str] = field(default_factory=tuple)
    source: str | None = None  # what the event that led to it came through


def post(conn: Connection, org: int, posts: Sequence[Post], now_ms: int, bundle: Bundle) -> None:
    """Posts entries, most of them with the bundle; one whose key is there already is not posted
    again."""
    plain = [post for post in posts if not (post.emails or post.phones)]
    bundle.add(stream_entries, [_row(org, post, now_ms) for post in plain], MISSING)
    for post in posts:
        if post.emails or post.phones:
            _post_to_addresses(conn, org, post, now_ms)


def _post_to_addresses(conn: Connection, org: int, post: Post, now_ms: int) -> None:
    if post.key is not None and conn.execute(_BY_KEY, {"org": org, "key": post.key}).first():
        return
    entry = conn.execute(_INSERT, _row(org, post, now_ms)).scalar_one()
    named = [("email", email.lower()) for email in post.emails]
    named += [("phone", phone) for phone in post.phones]
    rows = [
        {"org_id": org, "kind": kind, "value": value, "entry_id": entry}
        for kind, value in dict.fromkeys(named)
    ]
    insert_rows(conn, stream_participants, rows, MISSING)


_BY_KEY = select(stream_entries.c.id).where(
    stream_entries.c.org_id == bindparam("org"), stream_entries.c.key == bindparam("key")
)
_INSERT = insert(stream_entries).returning(stream_entries.c.id)


def _row(org: int, post: Post, now_ms: int) -> dict[str, Any]:
    return {
        "org_id": org,
        "key": post.key,
        "subject": post.subject,
        "body": post.body,
        "item_id": post.item_id,
        "account_id": post.account_id,
        "contact_id": post.contact_id,
        "author_kind": post.author.kind,
        "author_ref": post.author.ref,
        "run_id": post.author.run,
        "event_id": post.author.event,
        "at_ms": now_ms,
    }


def hand_over(conn: Connection, org: int, old: str, new: str) -> None:
    """What was posted about one contact shows with another from now on."""
    mine = (stream_entries.c.org_id == org, stream_entries.c.contact_id == old)
    conn.execute(update(stream_entries).where(*mine).values(contact_id=new))


def of_account(
    conn: Connection, org: int, account_id: str, *, before: int | None = None, limit: int = 50
) -> list[Entry]:
    """The entries that show in an account's Stream, newest first; `before` is the last id seen.

    These are the ones about it, about its items, and about their points of contact.
    """
    given = {"org": org, "account": account_id}
    about = _About(
        accounts={account_id},
        items=set(conn.execute(_ITEMS, given).scalars()),
        contacts=set(conn.execute(_PEOPLE_OF_ACCOUNT, given).scalars()),
    )
    return _read(conn, org, about, before, limit)


def of_item(
    conn: Connection, org: int, item_id: str, *, before: int | None = None, limit: int = 50
) -> list[Entry]:
    """The entries that show in an item's Stream, newest first."""
    people = conn.execute(_PEOPLE_OF_ITEM, {"org": org, "item": item_id}).scalars()
    return _read(conn, org, _About(items={item_id}, contacts=set(people)), before, limit)


def of_contact(
    conn: Connection, org: int, contact_id: str, *, before: int | None = None, limit: int = 50
) -> list[Entry]:
    """The entries about a person, newest first."""
    return _read(conn, org, _About(contacts={contact_id}), before, limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    accounts: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    contacts: set[str] = field(default_factory=set)


_e, _p = stream_entries.c, stream_participants.c
_MINE = of_org(stream_entries)
_ITEMS = select(items.c.id).where(
    items.c.org_id == bindparam("org"), items.c.account_id == bindparam("account")
)
_PEOPLE_OF_ACCOUNT = (
    select(item_contacts.c.contact_id)
    .join_from(items, item_contacts, item_contacts.c.item_id == items.c.id)
    .where(items.c.org_id == bindparam("org"), items.c.account_id == bindparam("account"))
)
_PEOPLE_OF_ITEM = select(item_contacts.c.contact_id).where(
    item_contacts.c.org_id == bindparam("org"), item_contacts.c.item_id == bindparam("item")
)
_EMAILS = select(contact_emails.c.email_lower).where(
    of_org(contact_emails), among(contact_emails.c.contact_id, "ids")
)
_PHONES = select(contact_phones.c.digits).where(
    of_org(contact_phones), among(contact_phones.c.contact_id, "ids")
)
_PARTICIPANTS = (
    select(_p.entry_id, _p.value)
    .where(_p.org_id == bindparam("org"), _p.entry_id.in_(bindparam("ids", expanding=True)))
    .order_by(_p.entry_id, _p.kind, _p.value)
)


def _of(column: ColumnElement[Any]) -> Select[Any]:
    newest = select(stream_entries).where(_MINE, among(column, "ids"), _e.id < bindparam("before"))
    return newest.order_by(_e.id.desc()).limit(bindparam("limit"))


# One statement for each way in, for a single one with OR would read the whole table.
_WAYS = {"accounts": _of(_e.account_id), "items": _of(_e.item_id), "contacts": _of(_e.contact_id)}
_NAMED = (
    select(stream_entries)
    .join_from(stream_participants, stream_entries, _p.entry_id == _e.id)
    .where(
        _p.org_id == bindparam("org"),
        _p.kind == bindparam("kind"),
        among(_p.value, "ids"),
        _e.id < bindparam("before"),
    )
    .order_by(_e.id.desc())
    .limit(bindparam("limit"))
)
_LAST = 2**62


def _read(conn: Connection, org: int, about: _About, before: int | None, limit: int) -> list[Entry]:
    given: dict[str, Any] = {"org": org, "before": before or _LAST, "limit": limit}
    rows: dict[int, Mapping[Any, Any]] = {}
    for name, statement in _WAYS.items():
        if ids := getattr(about, name):
            found = conn.execute(statement, {**given, "ids": ids}).mappings()
            rows |= {row["id"]: row for row in found}
    if about.contacts:
        named = {
            "email": conn.execute(_EMAILS, {"org": org, "ids": about.contacts}).scalars().all(),
            "phone": conn.execute(_PHONES, {"org": org, "ids": about.contacts}).scalars().all(),
        }
        for kind, values in named.items():
            found = conn.execute(_NAMED, {**given, "kind": kind, "ids": values}).mappings()
            rows |= {row["id"]: row for row in found}
    newest = sorted(rows, reverse=True)[:limit]
    return _entries(conn, org, [rows[id] for id in newest])


def _entries(conn: Connection, org: int, rows: Sequence[Mapping[Any, Any]]) -> list[Entry]:
    named: dict[int, list[str]] = defaultdict(list)
    if rows:
        given = {"org": org, "ids": [row["id"] for row in rows]}
        for entry_id, value in conn.execute(_PARTICIPANTS, given):
            named[entry_id].append(value)
    came = {row["event_id"] for row in rows if row["event_id"] is not None}
    given = {"org": org, "ids": list(came) or [0]}
    through = {row.id: row.name for row in conn.execute(_SOURCES, given)}
    return [_entry(row, named[row["id"]], through.get(row["event_id"])) for row in rows]


_SOURCES = (
    select(events.c.id, sources.c.name)
    .join_from(events, sources, events.c.source_id == sources.c.id)
    .where(events.c.org_id == bindparam("org"), events.c.id.in_(bindparam("ids", expanding=True)))
)


def _entry(row: Mapping[Any, Any], participants: Sequence[str], source: str | None) -> Entry:
    return Entry(
        id=row["id"],
        at=instant(row["at_ms"]),
        subject=row["subject"],
        body=row["body"],
        author=Author(
            kind=row["author_kind"],
            ref=row["author_ref"],
            run=row["run_id"],
            event=row["event_id"],
        ),
        item_id=row["item_id"],
        account_id=row["account_id"],
        contact_id=row["contact_id"],
        participants=tuple(participants),
        source=source,
    )
