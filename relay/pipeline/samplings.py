"""Samples: real recent records in exactly the shape that a hook delivers, newest first; where
there are none yet, the catalogue's example."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import InvalidInput, Unreadable
from relay.crm.embedded import grid
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.records import records
from relay.crm.moments import milliseconds
from relay.pipeline import payloads
from relay.pipeline.catalogue import types_of
from relay.pipeline.crm_lists import all_lists
from relay.pipeline.happenings import of_stored
from relay.pipeline.payloads import Document, Happening
from relay.pipeline.reading import parse
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage.events import read_events
from relay.storage.reads import events
from relay.storage.reads.page import Cut

MOST = 3
_LOOKED_THROUGH = 50


def samples(
    runtime: Runtime, org: int, event: str, *, list_id: str | None = None
) -> list[Document]:
    """Up to three. Raises InvalidInput for an event or a list that is not there."""
    with runtime.db.read() as conn:
        setup = runtime.setups.of(conn, org)
        known = types_of(setup)
        type = _one(event, known)
        list_ = None if not list_id else all_lists(runtime, conn, org).called(list_id).id
        real = [
            one.data
            for one in _recent(runtime, conn, setup, type)
            if list_ is None or one.list_id == list_
        ]
        if not real and type.startswith("list_item."):
            real = _items(runtime, conn, org, type, list_)
    return real[:MOST] or [dict(known[type].example)]


def _one(event: str, known: Mapping[str, object]) -> str:
    """The type itself; of `noun.*` the first."""
    stem = event.removesuffix("*")
    found = [type for type in known if type == event or (event != stem and type.startswith(stem))]
    if not found:
        raise InvalidInput(f"there is no event {event!r} here", {"event": ["is unknown"]})
    return found[0]


def _recent(runtime: Runtime, conn: Connection, setup: Setup, type: str) -> list[Happening]:
    org = setup.organization.id
    page = events.page(conn, org, events.Filter(type=type), Cut(size=_LOOKED_THROUGH))
    rows = read_events(conn, [row.id for row in page.rows])
    now = runtime.clock.now()
    items = {row.id: row.item_id for row in page.rows}
    found: dict[int, Happening] = {}
    for row in reversed(rows):
        try:
            parsed = [] if row.kind == "transition" else parse(runtime, setup, row)
        except Unreadable:
            continue
        one = of_stored(row, parsed, setup, now, item=items.get(row.id))
        if one is not None and one.type == type:
            found.setdefault(one.event, one)
    return list(found.values())


def _items(
    runtime: Runtime, conn: Connection, org: int, type: str, list_id: str | None
) -> list[Document]:
    """Items as they are, where none has changed since somebody listens."""
    found: list[Document] = []
    desk = Desk(conn=conn, org=org, now_ms=milliseconds(runtime.clock.now()))
    for one in desk.schema.lists:
        if list_id not in (None, one.id):
            continue
        rows = grid.page(conn, org, one.id, grid.View(sort="-modified", limit=MOST)).rows
        made = records(desk, [row.item for row in rows])
        found += [_item(record, one.id, one.title, type) for record in made]
    return sorted(found, key=lambda item: str(item["modified_at"]), reverse=True)


def _item(record: Mapping[str, Any], list_id: str, title: str, type: str) -> Document:
    told: dict[str, Any] = {"record": record, "list_id": list_id, "list": title}
    if type == "list_item.created":
        return payloads.item({**told, "created": "item"}, 0)
    return payloads.item({**told, "changed": {}}, 0)
