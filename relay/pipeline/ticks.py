"""Events of kind `tick`: what the clock, or a person who asks for it, sets one rule off with. The
record is kept as it was then."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.core.ids import digest, ordering_key
from relay.crm.embedded import items
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.records import records
from relay.crm.model import Item
from relay.crm.moments import milliseconds
from relay.runtime import Runtime
from relay.storage import events as stored
from relay.storage import work
from relay.storage.numbers import next_ids
from relay.storage.tables.base import dump
from relay.storage.tables.events import events
from relay.storage.work import Kind, NewWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """An event of the clock's making. `key` is the firing's: it is made once, whoever sweeps."""

    org: int
    rule: str
    key: str
    told: Mapping[str, Any]
    item: str | None = None
    parent: int | None = None
    depth: int = 0


def make(
    runtime: Runtime,
    conn: Connection,
    ticks: Sequence[Tick],
    now: datetime,
    *,
    is_parent: bool = False,
) -> list[int]:
    """Writes them as events with their work; the ids of those that were new. A parent, whose items
    become events of their own, has no work."""
    numbers = next_ids(conn, events, len(ticks))
    pairs = list(zip(numbers, ticks, strict=True))
    fresh = stored.insert_events(runtime.db, conn, [_event(id, tick, now) for id, tick in pairs])
    new = [(id, tick) for id, tick in pairs if id in fresh]
    stored.insert_payloads(
        conn,
        [{"event_id": id, "headers": None, "body": dump(_told(tick)).encode()} for id, tick in new],
    )
    if not is_parent:
        rows = [NewWork(id=id, org=tick.org, okey=_okey(tick)) for id, tick in new]
        work.add(runtime.db, conn, Kind.EVENT, rows)
    return [id for id, _ in new]


def _event(id: int, tick: Tick, now: datetime) -> dict[str, Any]:
    return {
        "id": id,
        "org_id": tick.org,
        "kind": "tick",
        "source_id": 0,
        "dkey": f"tick:{digest(str(tick.org), tick.rule, tick.key)}",
        "okey": _okey(tick),
        "state": "accepted",
        "parent_id": tick.parent,
        "depth": tick.depth,
        "received_at": now,
    }


def _okey(tick: Tick) -> int | None:
    return ordering_key(f"item:{tick.item}") if tick.item else None


def _told(tick: Tick) -> dict[str, Any]:
    author = {"kind": "clock", "ref": tick.rule, "run": None}
    whose = {"rule": tick.rule, "key": tick.key, "item_id": tick.item, "author": author}
    return {**tick.told, **whose}


def records_of(
    conn: Connection, org: int, ids: Collection[str], now: datetime
) -> dict[str, Mapping[str, Any]]:
    """The records of items as they are now; those that are gone are missing."""
    found = list(items.read(conn, org, ids).values())
    told = records_now(conn, org, found, now)
    return {item.id: record for item, record in zip(found, told, strict=True)}


def records_now(
    conn: Connection, org: int, found: Sequence[Item], now: datetime
) -> list[Mapping[str, Any]]:
    """The records of these items, in their order."""
    return list(records(Desk(conn=conn, org=org, now_ms=milliseconds(now)), found))
