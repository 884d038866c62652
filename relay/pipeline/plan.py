"""What an event becomes: the rules whose triggers it matched, each with what it sees."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from relay.core import ids
from relay.core.errors import Unreadable
from relay.core.event import ParsedEvent, facts_of
from relay.pipeline import happenings, reading, stays
from relay.pipeline.payloads import Happening
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage.events import EventRow
from relay.storage.work import Lease
from rules.engine import Match


@dataclass(slots=True, kw_only=True)
class Firing:
    """A rule whose trigger an event matched, with what it sees. `key` makes it fire once; None:
    the event does."""

    match: Match
    facts: reading.Facts
    key: str | None = None


@dataclass(slots=True, kw_only=True)
class Plan:
    """What an event becomes. `step` is what it does to the stays that `for` waits on,
    `told` what hooks hear of."""

    lease: Lease
    row: EventRow
    setup: Setup
    type: str | None = None
    about: str | None = None
    item: str | None = None
    okey: int | None = None
    firings: list[Firing] = field(default_factory=list)
    parts: Sequence[ParsedEvent] = ()
    step: stays.Step | None = None
    told: Happening | None = None
    note: str | None = None
    unreadable: str | None = None

    @property
    def run_key(self) -> int | None:
        """The ordering key of its runs: the item's from when it is known."""
        return ids.ordering_key(f"item:{self.item}") if self.item else self.okey


def look(runtime: Runtime, plan: Plan, now: datetime) -> None:
    """Fills in what the event says and which rules look at it."""
    try:
        match plan.row.kind:
            case "transition":
                _change(plan, now)
            case "tick":
                _tick(plan, now)
            case _:
                _delivery(runtime, plan, now)
    except Unreadable as error:
        plan.unreadable = str(error)


def _delivery(runtime: Runtime, plan: Plan, now: datetime) -> None:
    parts = reading.parse(runtime, plan.setup, plan.row)
    if len(parts) == 1 and parts[0].complete:
        _received(plan, parts[0], now)
        return
    plan.parts = parts
    plan.type = parts[0].type if parts else None


def _received(plan: Plan, parsed: ParsedEvent, now: datetime) -> None:
    data = facts_of(parsed)
    plan.type = parsed.type
    email = data.get("email") or data.get("customer_email")
    plan.about = str(email) if email else None
    source = plan.setup.sources.get(plan.row.source)
    if source is None:
        return
    facts = reading.received_facts(plan.row, parsed, plan.setup, now)
    if plan.setup.hooks.hearing(parsed.type):
        plan.told = happenings.of_received(plan.row, parsed, plan.setup, now)
    plan.firings = [
        Firing(match=match, facts=_own(facts, match))
        for match in plan.setup.rules.received(parsed.type, source.name)
    ]


def _change(plan: Plan, now: datetime) -> None:
    change = reading.change_of(plan.row)
    plan.type, plan.about, plan.item = change["type"], change["about"], change["item_id"]
    plan.step = stays.Step(event=plan.row.id, setup=plan.setup, told=change)
    if plan.setup.hooks.hearing(change["type"]):
        plan.told = happenings.of_change(plan.row, change, plan.setup, now)
    rules = plan.setup.rules
    matches: list[Match] = []
    if "created" in change:
        matches = rules.created(change["created"], change["list"])
    elif change["type"] == "list_item.updated":
        matches = rules.changed(change["list"], change["field"], change["from"], change["to"])
    maker = change["author"]
    facts = reading.changed_facts(plan.row, change, plan.setup, now)
    plan.firings = [
        Firing(match=match, facts=_own(facts, match))
        for match in matches
        # A write that a rule made itself does not set it off again.
        if not (maker["kind"] == "rule" and maker["ref"] == match.rule.id)
    ]


def _tick(plan: Plan, now: datetime) -> None:
    tick = reading.change_of(plan.row)
    plan.type, plan.about, plan.item = tick["type"], tick["about"], tick["item_id"]
    if "began" in tick:
        plan.step = stays.Step(event=plan.row.id, setup=plan.setup, told=tick, is_tick=True)
    if tick["list"] is not None and plan.item is None:
        plan.note = "its items are events of their own"
        return
    rule = plan.setup.rules.by_id.get(tick["rule"])
    if rule is None or not rule.enabled or tick["trigger"] >= len(rule.when):
        plan.note = f"the rule {tick['rule']} is no longer live"
        return
    match = Match(rule, tick["trigger"])
    facts = reading.tick_facts(plan.row.id, tick, plan.setup, now)
    plan.firings = [Firing(match=match, facts=_own(facts, match), key=tick["key"])]


def _own(facts: reading.Facts, match: Match) -> reading.Facts:
    """The facts for one run: its steps and its trigger are its own."""
    return {**facts, "steps": {}, "event": {**facts["event"], "trigger": match.trigger}}
