"""Stored events as hooks hear of them: read when they are routed, and again when they are sent to
somebody who subscribed later."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.core.event import ParsedEvent, facts_of
from relay.core.hook import is_operational
from relay.core.ids import public
from relay.crm.changes import REMOVED
from relay.pipeline import payloads, reading
from relay.pipeline.payloads import Document, Happening
from relay.setups import Setup
from relay.storage.events import EventRow

_OF_NOUN: Mapping[str, Callable[[Any, int], Document]] = {
    "list_item": payloads.item,
    "contact": payloads.contact,
    "account": payloads.account,
    "stream": payloads.entry,
}


def of_change(
    row: EventRow, change: reading.Facts, setup: Setup, now: datetime
) -> Happening | None:
    """A change in the CRM; None where its record was not kept, for nobody asked for it then."""
    record = change.get("record")
    if record is None:
        return None
    noun = change["type"].partition(".")[0]
    group = int(change.get("group") or row.id)
    account = record.get("account") or {}
    return Happening(
        org=row.org,
        event=group,
        type=change["type"],
        at=change["at"],
        facts=reading.changed_facts(row, change, setup, now),
        data=payloads.removed(change, group)
        if change["type"] == REMOVED
        else _OF_NOUN[noun](change, group),
        key=f"{noun}:{change['item_id'] or change.get('id')}",
        item=change["item_id"],
        list_id=change.get("list_id"),
        account_id=account.get("id") or (record.get("entry") or {}).get("account_id"),
    )


def of_received(row: EventRow, parsed: ParsedEvent, setup: Setup, now: datetime) -> Happening:
    """Something that a sender told."""
    data = facts_of(parsed)
    source = setup.sources.get(row.source)
    email = data.get("email") or data.get("customer_email")
    at = parsed.occurred_at or row.received_at
    return Happening(
        org=row.org,
        event=row.id,
        type=parsed.type,
        at=at,
        facts=reading.received_facts(row, parsed, setup, now),
        data=payloads.received(row.id, source.name if source else "", at, data),
        key=f"contact:{str(email).lower()}" if email else None,
    )


def of_emitted(
    *,
    org: int,
    event: int,
    type: str,
    at: datetime,
    data: Mapping[str, object],
    facts: reading.Facts,
    item: str | None,
    run: int | None = None,
) -> Happening:
    """Something that a rule made of an event. `facts` are the rule's; the event is the new one."""
    event_facts = {
        "id": public("evt", event),
        "at": at,
        "type": type,
        "data": dict(data),
        "body": None,
        **dict.fromkeys(("list", "from", "to", "since")),
        "trigger": 0,
    }
    account = facts.get("account") or {}
    return Happening(
        org=org,
        event=event,
        type=type,
        at=at,
        facts={**facts, "event": event_facts},
        data=payloads.emitted(event, data),
        key=f"list_item:{item}" if item else None,
        item=item,
        account_id=account.get("id"),
        run=run,
    )


def of_operational(
    *, org: int, event: int, type: str, at: datetime, data: Mapping[str, object]
) -> Happening:
    """Something about a hook, a source or a rule of ours."""
    facts = {"event": {"type": type, "data": dict(data), "at": at}, "now": at}
    return Happening(org=org, event=event, type=type, at=at, facts=facts, data=dict(data))


def of_stored(
    row: EventRow,
    parsed: Sequence[ParsedEvent],
    setup: Setup,
    now: datetime,
    *,
    item: str | None = None,
) -> Happening | None:
    """An event as hooks heard of it when it was routed; None for what none can hear of. `item` is
    the one that an emitted event is about."""
    if row.kind == "transition":
        return of_change(row, reading.change_of(row), setup, now)
    if len(parsed) != 1 or not parsed[0].complete:
        return None
    (one,) = parsed
    if row.source in setup.sources:
        return of_received(row, one, setup, now)
    if row.source != 0:
        return None
    if is_operational(one.type):
        return of_operational(
            org=row.org, event=row.id, type=one.type, at=row.received_at, data=one.data
        )
    return of_emitted(
        org=row.org,
        event=row.id,
        type=one.type,
        at=row.received_at,
        data=one.data,
        facts={"now": now, "settings": setup.organization.settings, "steps": {}},
        item=item,
    )
