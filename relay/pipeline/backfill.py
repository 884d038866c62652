"""A rule run on items that are there already, on purpose: counted first, then begun.

Each item becomes an event of kind `tick` with its record as it is now. One item is backfilled once
by one version of a rule: begun twice, or again after a crash, nothing is done twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import InvalidInput, NotFound
from relay.core.ids import public
from relay.crm.embedded import items
from relay.crm.embedded.schema import schema
from relay.crm.model import Item
from relay.pipeline import reading
from relay.pipeline.ticks import Tick, make, records_now
from relay.queue import ROUTE
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored_events
from relay.storage import identity
from rules.engine import Rule, RuleError, Trigger, holds, holds_value, rule_hash
from rules.engine.expr import program

Document = dict[str, Any]

PAGE = 200
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
        for page in _pages(conn, org, whose.list_id):
            seen += len(page)
            for item, facts in _meant(conn, org, whose, page, now):
                chosen += 1
                if _fires(whose.rule, facts):
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
    place = items.START
    while True:
        with runtime.db.write() as conn:
            page = items.after(conn, org, whose.list_id, place, PAGE)
            meant = _meant(conn, org, whose, page, now)
            ticks = [
                _tick(org, whose, asked, parent, item, facts)
                for item, facts in meant
                if _fires(whose.rule, facts)
            ]
            woken = make(runtime, conn, ticks, now)
            seen, made = seen + len(page), made + len(woken)
            if len(page) < PAGE:
                stored_events.insert_outcomes(conn, [_outcome(org, parent, asked, seen, made, now)])
        runtime.queue.wake(ROUTE, woken)
        if len(page) < PAGE:
            return {"event": public("evt", parent), "items": seen, "begun": made}
        place = (page[-1].created_ms, page[-1].id)


def _whose(runtime: Runtime, conn: Connection, org: int, asked: Asked) -> _Whose:
    setup = runtime.setups.of(conn, org)
    rule = setup.rules.by_id.get(asked.rule)
    if rule is None:
        raise NotFound(f"there is no rule {asked.rule!r} here")
    if setup.crm is not None:
        raise InvalidInput("the items are in a CRM elsewhere: a backfill needs them here")
    in_list = schema(conn, org).called(asked.list)
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


def _pages(conn: Connection, org: int, list_id: str) -> Iterator[list[Item]]:
    place = items.START
    while True:
        page = items.after(conn, org, list_id, place, PAGE)
        yield page
        if len(page) < PAGE:
            return
        place = (page[-1].created_ms, page[-1].id)


def _meant(
    conn: Connection, org: int, whose: _Whose, page: list[Item], now: datetime
) -> Iterator[tuple[Item, reading.Facts]]:
    """The items of a page whose value the trigger waits for, and that `where` chooses."""
    for item, record in zip(page, records_now(conn, org, page, now), strict=True):
        told = _told(whose, item, record, now)
        if not _fits(whose.trigger, told["to"]):
            continue
        facts = reading.tick_facts(0, told, whose.setup, now)
        if whose.where is None or _is_chosen(whose.where, item, facts):
            yield item, facts


def _told(whose: _Whose, item: Item, record: Any, now: datetime) -> Document:
    trigger = whose.trigger
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


def _is_chosen(where: str, item: Item, facts: reading.Facts) -> bool:
    try:
        chosen = program(where).run(facts)
    except RuleError as error:
        raise InvalidInput(f"--where fails for {item.name}: {error}") from error
    if not isinstance(chosen, bool):
        raise InvalidInput(f"--where gives {chosen!r} for {item.name}, not true or false")
    return chosen


def _fires(rule: Rule, facts: reading.Facts) -> bool:
    try:
        return holds(rule, facts)
    except RuleError:
        return True  # its run will fail, and say where


def _parent(org: int, whose: _Whose, asked: Asked, by: str, now: datetime) -> Tick:
    return Tick(
        org=org,
        rule=whose.rule.id,
        key=f"backfill:{now.isoformat()}",
        told={"type": BEGUN, "trigger": whose.number, "at": now, "list": asked.list,
              "about": asked.list, "where": asked.where, "by": by},
    )  # fmt: skip


def _tick(
    org: int, whose: _Whose, asked: Asked, parent: int, item: Item, facts: reading.Facts
) -> Tick:
    event = facts["event"]
    record = {name: facts[name] for name in ("item", "account", "contact")}
    told = {name: event[name] for name in ("type", "trigger", "at", "since", "list", "from", "to")}
    return Tick(
        org=org,
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
