"""Changes of the CRM as events: written in the transaction that made them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.core.ids import ordering_key
from relay.crm.changes import Change, Created, Removed, Wanted
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored
from relay.storage import work
from relay.storage.numbers import next_ids
from relay.storage.tables.base import dump
from relay.storage.tables.events import events
from relay.storage.work import Kind, Lease, NewWork

Told = Change | Created | Removed

LEASE = 60.0  # seconds to route what was born leased


def wanted(setup: Setup) -> Wanted:
    """Whether any rule asks for the record of a change of that list and field."""
    rules = setup.rules

    def asks(list_title: str | None, slug: str | None) -> bool:
        if slug is None:
            kinds = ("item", "contact", "account")
            return any(rules.created(kind, list_title) for kind in kinds) or (
                list_title is not None and rules.waits_on(list_title)
            )
        return list_title is not None and rules.watches(list_title, slug)

    return asks


def store(
    runtime: Runtime, conn: Connection, changes: Sequence[Told], *, token: int | None
) -> list[Lease]:
    """An event for each change. Those that a rule may look at become work: leased to `token`,
    or, without one, due at once. The others are told as `no_rule`."""
    if not changes:
        return []
    now = runtime.clock.now()
    numbers = next_ids(conn, events, len(changes))
    pairs = list(zip(numbers, changes, strict=True))
    stored.insert_events(runtime.db, conn, [_event(id, change, now) for id, change in pairs])
    stored.insert_payloads(
        conn,
        [
            {"event_id": id, "headers": None, "body": dump(_told(change, now)).encode()}
            for id, change in pairs
        ],
    )
    watched = [(id, change) for id, change in pairs if change.record is not None]
    quiet = [(id, change) for id, change in pairs if change.record is None]
    stored.insert_outcomes(conn, [_unwatched(id, change, now) for id, change in quiet])
    rows = [NewWork(id=id, org=c.org, okey=_okey(c)) for id, c in watched]
    if token is None:
        work.add(runtime.db, conn, Kind.EVENT, rows)
        return [Lease(id=row.id, org=row.org, okey=row.okey, attempts=0) for row in rows]
    return work.add_leased(runtime.db, conn, Kind.EVENT, rows, seconds=LEASE, token=token)


def _item_of(change: Told) -> str | None:
    if isinstance(change, Change):
        return change.item_id
    is_item = isinstance(change, Removed) or change.kind == "item"
    return change.id if is_item else None


def _name_of(change: Told) -> str:
    return change.item_name if isinstance(change, Change) else change.name


def type_of(change: Told) -> str:
    """`list_item.updated`, `contact.created` and so on."""
    if isinstance(change, Change):
        return "list_item.updated"
    if isinstance(change, Removed):
        return "list_item.removed"
    return "list_item.created" if change.kind == "item" else f"{change.kind}.created"


def _okey(change: Told) -> int:
    whose = change.item_id if isinstance(change, Change) else change.id
    return ordering_key(f"item:{whose}")


def _event(id: int, change: Told, now: datetime) -> dict[str, Any]:
    return {
        "id": id,
        "org_id": change.org,
        "kind": "transition",
        "source_id": 0,
        "dkey": None,
        "okey": _okey(change),
        "state": "accepted",
        "parent_id": change.author.event,
        "depth": change.author.depth,
        "received_at": now,
    }


def _unwatched(id: int, change: Told, now: datetime) -> dict[str, Any]:
    return {
        "event_id": id,
        "org_id": change.org,
        "state": "no_rule",
        "type": type_of(change),
        "about": _name_of(change),
        "item_id": _item_of(change),
        "reason": None,
        "at": now,
    }


def _told(change: Told, now: datetime) -> dict[str, Any]:
    author = change.author
    told: dict[str, Any] = {
        "type": type_of(change),
        "at": now,
        "list": change.list_title,
        "list_id": change.list_id,
        "about": _name_of(change),
        "item_id": _item_of(change),
        "author": {"kind": author.kind, "ref": author.ref, "run": author.run},
        "record": change.record,
    }
    if isinstance(change, Change):
        return told | {
            "field": change.field_slug,
            "from": change.from_display,
            "to": change.to_display,
        }
    if isinstance(change, Removed):
        return told | {"field": "item", "from": change.name, "to": None, "id": change.id}
    return told | {"created": change.kind, "id": change.id}
