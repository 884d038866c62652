"""Stored events read again: a delivery through its source, a transition from its record."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent, facts_of
from relay.core.ids import public
from relay.integration import InboundRequest
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage.events import EventRow
from relay.storage.tables.base import load

Facts = dict[str, Any]


def parse(runtime: Runtime, setup: Setup, row: EventRow) -> Sequence[ParsedEvent]:
    """What a delivery tells of. Raises Unreadable; a source that is gone can read nothing."""
    if row.facts is not None:
        return [
            ParsedEvent(
                type=row.facts["type"],
                data=row.facts["data"],
                body=row.facts["body"],
                occurred_at=row.facts["occurred_at"],
            )
        ]
    found = setup.sources.get(row.source)
    if found is None:
        raise Unreadable("its source was removed, so nobody knows how to read it")
    source = runtime.integrations[found.type].source
    if source is None:
        raise Unreadable(f"{found.type} has no source")
    return source.parse(request_of(row), found.config(row.received_at))


def request_of(row: EventRow) -> InboundRequest:
    """The delivery as it came, its secrets taken out."""
    headers = dict(row.headers)
    return InboundRequest(
        method=headers.pop(":method", "POST"),
        url=headers.pop(":url", ""),
        query=dict(load(headers.pop(":query", "{}"))),
        headers=headers,
        body=row.body,
        received_at=row.received_at,
    )


def received_facts(row: EventRow, parsed: ParsedEvent, setup: Setup, now: datetime) -> Facts:
    """What a rule with a `received` trigger sees."""
    event = {
        "id": public("evt", row.id),
        "at": parsed.occurred_at or row.received_at,
        "type": parsed.type,
        "data": facts_of(parsed),
        "body": parsed.body,
        "list": None,
        "from": None,
        "to": None,
        "since": None,
        "trigger": 0,
    }
    return _around(event, {}, setup, now)


def changed_facts(row: EventRow, change: Facts, setup: Setup, now: datetime) -> Facts:
    """What a rule with a `changed` or `created` trigger sees: the record as it then was."""
    event = {
        "id": public("evt", row.id),
        "at": change["at"],
        "type": change["type"],
        "data": {},
        "body": None,
        "list": change.get("list"),
        "field": change.get("field"),
        "from": change.get("from"),
        "to": change.get("to"),
        "since": None,
        "trigger": 0,
    }
    return _around(event, change.get("record") or {}, setup, now)


def tick_facts(id: int, tick: Mapping[str, Any], setup: Setup, now: datetime) -> Facts:
    """What a rule sees that the clock fires: the record as it was when it came due."""
    event = {
        "id": public("evt", id),
        "at": tick["at"],
        "type": tick["type"],
        "data": {},
        "body": None,
        "list": tick.get("list"),
        "from": tick.get("from"),
        "to": tick.get("to"),
        "since": tick.get("since"),
        "trigger": tick["trigger"],
    }
    return _around(event, tick.get("record") or {}, setup, now)


def facts(runtime: Runtime, setup: Setup, row: EventRow, now: datetime) -> Facts:
    """What rules see of any stored event. Raises Unreadable."""
    match row.kind:
        case "transition":
            return changed_facts(row, change_of(row), setup, now)
        case "tick":
            return tick_facts(row.id, change_of(row), setup, now)
        case _:
            return received_facts(row, parse(runtime, setup, row)[0], setup, now)


def _around(event: Facts, record: Facts, setup: Setup, now: datetime) -> Facts:
    return {
        "event": event,
        "item": record.get("item"),
        "account": record.get("account"),
        "contact": record.get("contact"),
        "steps": {},
        "failure": None,
        "now": now,
        "settings": setup.organization.settings,
        "timezone": setup.organization.time_zone,
    }


def change_of(row: EventRow) -> Facts:
    """What a transition or a tick tells. Raises Unreadable where retention has taken it away."""
    if not row.body:
        raise Unreadable("what it said is no longer kept")
    found: Facts = load(row.body.decode())
    return found
