"""A rule run on items that are there already, on purpose: counted first, then begun.

Each item becomes an event of kind `tick` with its record as it is now. One item is backfilled once
by one version of a rule: begun twice, or again after a crash, nothing is done twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import InvalidInput, NotFound
from relay.core.ids import public
from relay.crm.embedded import items
from relay.crm.embedded.schema import schema
from relay.crm.model import List
from relay.crm.naming import nearest
from relay.pipeline import reading, remote_items
from relay.pipeline.calling import definitions_of
from relay.pipeline.planned import PAGE, Subject, applies
from relay.pipeline.ticks import Tick, make, records_now
from relay.queue import ROUTE
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored_events
from relay.storage import identity
from rules.engine import Rule, RuleError, Trigger, holds_value, rule_hash
from rules.engine.expr import program

Document = dict[str, Any]

SHOWN = 10  # names of items in a count
BACKFILLED, BEGUN = "list_item.backfilled", "backfill.begun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which rule, on which list, and for which of its items: `where` is an expression."""

    rule: str
    list: str
    where: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whose:
    setup: Setup
    rule: Rule
    number: int
    list_id: str
    where: str | None

    @property
    def org(self) -> int:
        return self.setup.organization.id

    @property
    def trigger(self) -> Trigger:
        return self.rule.when[self.number]


def count(runtime: Runtime, org: int, asked: Asked) -> Document:
    """How many items there are, how many are meant, and for how many of those the rule's own
    condition holds. Raises NotFound and InvalidInput."""
    seen = chosen = 0
    fires: list[str] = []
    now = runtime.clock.now()
    with runtime.db.read() as conn:
        whose = _whose(runtime, conn, org, asked)
    for page in _pages(runtime, whose):
        seen += len(page)
        for item, facts in _meant(whose, page, now):
            chosen += 1
            if applies(whose.rule, facts):
                fires.append(item.name)
    return {
        "rule": asked.rule,
        "list": asked.list,
        "where": asked.where,
        "items": seen,
        "chosen": chosen,
        "fires": len(fires),
        "names": fires[:SHOWN],
    }


def begin(runtime: Runtime, org: int, asked: Asked, *, by: str) -> Document:
    """Makes the events; how many were new. Pages are transactions of their own."""
    now = runtime.clock.now()
    with runtime.db.write() as conn:
        whose = _whose(runtime, conn, org, asked)
        (parent,) = make(runtime, conn, [_parent(org, whose, asked, by, now)], now, is_parent=True)
        identity.audit(conn, org, by, "rule backfilled", asked.rule,
                       after={"list": asked.list, "where": asked.where}, at=now)  # fmt: skip
    made = seen = 0
    for page in _pages(runtime, whose):
        ticks = [
            _tick(whose, asked, parent, item, facts)
            for item, facts in _meant(whose, page, now)
            if applies(whose.rule, facts)
        ]
        with runtime.db.write() as conn:
            woken = make(runtime, conn, ticks, now)
        runtime.queue.wake(ROUTE, woken)
        seen, made = seen + len(page), made + len(woken)
    with runtime.db.write() as conn:
        stored_events.insert_outcomes(conn, [_outcome(org, parent, asked, seen, made, now)])
    return {"event": public("evt", parent), "items": seen, "begun": made}


def _whose(runtime: Runtime, conn: Connection, org: int, asked: Asked) -> _Whose:
    setup = runtime.setups.of(conn, org)
    rule = setup.rules.by_id.get(asked.rule)
    if rule is None:
        raise NotFound(f"there is no rule {asked.rule!r} here")
    in_list = _list_called(conn, setup, asked.list)
    if asked.where is not None:
        try:
            program(asked.where)
        except RuleError as error:
            raise InvalidInput(f"--where cannot be read: {error}") from error
    number = next((n for n, one in enumerate(rule.when) if _is_of(one, in_list.title)), None)
    if number is None:
        raise InvalidInput(f"{rule.id} has no trigger for items of {in_list.title}")
    return _Whose(setup=setup, rule=rule, number=number, list_id=in_list.id, where=asked.where)


def _is_of(trigger: Trigger, title: str) -> bool:
    if trigger.kind == "created":
        return trigger.subject == "item" and trigger.list in {title, None}
    return trigger.kind in {"changed", "scheduled"} and trigger.list == title


def _list_called(conn: Connection, setup: Setup, title: str) -> List:
    if setup.crm is None:
        return schema(conn, setup.organization.id).called(title)
    elsewhere = definitions_of(conn, setup.crm.id)
    known = {} if elsewhere is None else {one.title: one for one in elsewhere.lists}
    if title not in known:
        raise InvalidInput(f"{setup.crm.name} has no list {title!r}{nearest(title, known)}")
    return known[title]


def _pages(runtime: Runtime, whose: _Whose) -> Iterator[list[Subject]]:
    """The whole list; of a CRM elsewhere, as the watch saw it last."""
    crm = whose.setup.crm
    if crm is not None:
        yield from remote_items.pages(runtime, whose.setup, crm, whose.list_id)
        return
    place = items.START
    while True:
        with runtime.db.read() as conn:
            page = items.after(conn, whose.org, whose.list_id, place, PAGE)
            records = records_now(conn, whose.org, page, runtime.clock.now())
        yield [
            Subject(id=item.id, name=item.name, record=record)
            for item, record in zip(page, records, strict=True)
        ]
        if len(page) < PAGE:
            return
        place = (page[-1].created_ms, page[-1].id)


def _meant(
    whose: _Whose, page: Sequence[Subject], now: datetime
) -> Iterator[tuple[Subject, reading.Facts]]:
    """The items of a page whose value the trigger waits for, and that `where` chooses."""
    for item in page:
        told = _told(whose, item, now)
        if not _fits(whose.trigger, told["to"]):
            continue
        facts = reading.tick_facts(0, told, whose.setup, now)
        if whose.where is None or _is_chosen(whose.where, item, facts):
            yield item, facts


def _told(whose: _Whose, item: Subject, now: datetime) -> Document:
    trigger, record = whose.trigger, item.record
    value = record["item"].get(trigger.subject) if trigger.kind == "changed" else None
    return {
        "type": BACKFILLED,
        "trigger": whose.number,
        "at": now,
        "since": record["item"]["modified"],
        "list": trigger.list,
        "from": None,
        "to": value,
        "about": item.name,
        "record": record,
    }


def _fits(trigger: Trigger, value: object) -> bool:
    if trigger.kind != "changed" or trigger.to_values is None:
        return True
    return holds_value(trigger, value)


def _is_chosen(where: str, item: Subject, facts: reading.Facts) -> bool:
    try:
        chosen = program(where).run(facts)
    except RuleError as error:
        raise InvalidInput(f"--where fails for {item.name}: {error}") from error
    if not isinstance(chosen, bool):
        raise InvalidInput(f"--where gives {chosen!r} for {item.name}, not true or false")
    return chosen


def _parent(org: int, whose: _Whose, asked: Asked, by: str, now: datetime) -> Tick:
    return Tick(
        org=org,
        rule=whose.rule.id,
        key=f"backfill:{now.isoformat()}",
        told={"type": BEGUN, "trigger": whose.number, "at": now, "list": asked.list,
              "about": asked.list, "where": asked.where, "by": by},
    )  # fmt: skip


def _tick(whose: _Whose, asked: Asked, parent: int, item: Subject, facts: reading.Facts) -> Tick:
    event = facts["event"]
    record = {name: facts[name] for name in ("item", "account", "contact")}
    told = {name: event[name] for name in ("type", "trigger", "at", "since", "list", "from", "to")}
    return Tick(
        org=whose.org,
        rule=whose.rule.id,
        key=f"backfill:{rule_hash(whose.rule)}:{asked.list}:{item.id}",
        item=item.id,
        parent=parent,
        told={**told, "trigger": whose.number, "about": item.name, "record": record},
    )


def _outcome(org: int, parent: int, asked: Asked, seen: int, made: int, now: datetime) -> Document:
    return {
        "event_id": parent,
        "org_id": org,
        "state": "routed" if made else "no_rule",
        "type": BEGUN,
        "about": asked.list,
        "item_id": None,
        "reason": f"{made} of {seen} items of {asked.list}",
        "at": now,
    }
