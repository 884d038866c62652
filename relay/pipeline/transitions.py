"""Changes of the CRM as events: written in the transaction that made them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.core.ids import ordering_key
from relay.crm.changes import REMOVED, Change, Removed, Told, Wanted
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored
from relay.storage import work
from relay.storage.numbers import next_ids
from relay.storage.tables.base import dump
from relay.storage.tables.events import events
from relay.storage.work import Kind, Lease, NewWork

LEASE = 60.0  # seconds to route what was born leased


def wanted(setup: Setup) -> Wanted:
    """Whether any rule or hook asks for the record of a change of that list and field."""
    rules, hooks = setup.rules, setup.hooks

    def asks(list_title: str | None, slug: str | None) -> bool:
        if hooks and any(hooks.hearing(type) for type in _types(list_title, slug)):
            return True
        if slug is None:
            kinds = ("item", "contact", "account")
            return any(rules.created(kind, list_title) for kind in kinds) or (
                list_title is not None and rules.waits_on(list_title)
            )
        return list_title is not None and rules.watches(list_title, slug)

    return asks


def _types(list_title: str | None, slug: str | None) -> Sequence[str]:
    """The types of event that a question of the CRM's is about."""
    if slug == REMOVED:
        return (REMOVED,)
    if list_title is not None:
        return ("list_item.created",) if slug is None else ("list_item.updated",)
    return ("contact.created", "account.created") if slug is None else (slug,)


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
            {"event_id": id, "headers": None, "body": dump(told).encode()}
            for id, told in zip(numbers, _all_told(pairs, now), strict=True)
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
    if isinstance(change, Removed) or change.kind == "item":
        return change.id
    return change.item_id


def _name_of(change: Told) -> str:
    return change.item_name if isinstance(change, Change) else change.name


def type_of(change: Told) -> str:
    """`list_item.updated`, `contact.created` and so on."""
    if isinstance(change, Change):
        return "list_item.updated"
    if isinstance(change, Removed):
        return REMOVED
    return "list_item.created" if change.kind == "item" else f"{change.kind}.{change.verb}"


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


def _all_told(pairs: Sequence[tuple[int, Told]], now: datetime) -> list[dict[str, Any]]:
    """What is kept of each. Changes of an item that were made together know each other: who wants
    to hear of them hears once, of all."""
    kept: list[dict[str, Any]] = []
    first: Change | None = None
    together: dict[str, Any] = {}
    group = 0
    for id, change in pairs:
        told = _told(change, now)
        if isinstance(change, Change) and change.record is not None:
            if first is None or first.record is not change.record:
                first, together, group = change, {}, id
            together[change.field_slug] = {"from": told["from"], "to": told["to"]}
            # One map for all of them: it is written when all have been seen.
            told |= {"group": group, "changed": together}
        kept.append(told)
    return kept


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
    made = {"created": change.kind} if change.verb == "created" else {}
    return told | made | {"id": change.id}
