"""One planned time of a schedule with a list: the list is gone through page by page, and each item
for which the rule's `if` holds, or cannot be said, becomes an event of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.pipeline import reading
from relay.pipeline.ticks import Tick, make
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import events as stored_events
from relay.storage.deadlines import Schedule
from rules.engine import Rule, RuleError, Trigger, holds

PLANNED = "schedule.due"
PAGE = 200  # items of a list that are looked at in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An item as the rule sees it."""

    id: str
    name: str
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A schedule's time. `number` is the rule's trigger that it is of."""

    schedule: Schedule
    rule: Rule
    number: int
    at: datetime

    @property
    def trigger(self) -> Trigger:
        return self.rule.when[self.number]

    @property
    def tick(self) -> Tick:
        """The event of the time itself."""
        trigger = self.trigger
        return Tick(
            org=self.schedule.org,
            rule=self.rule.id,
            key=f"due:{self.schedule.spec}:{self.at.isoformat()}",
            told={
                "type": PLANNED,
                "trigger": self.number,
                "at": self.at,
                "list": trigger.list,
                "about": trigger.list or trigger.subject,
            },
        )

    def fire(
        self,
        runtime: Runtime,
        conn: Connection,
        setup: Setup,
        event: int,
        page: Sequence[Subject],
    ) -> list[int]:
        """The events of a page's items; `event` is that of the time itself."""
        parent, now = self.tick, runtime.clock.now()
        ticks = [
            Tick(
                org=parent.org,
                rule=parent.rule,
                key=f"{parent.key}:{one.id}",
                item=one.id,
                parent=event,
                told={**parent.told, "about": one.name, "record": one.record},
            )
            for one in page
            if applies(self.rule, reading.tick_facts(event, {**parent.told, "record": one.record},
                                                     setup, now))
        ]  # fmt: skip
        return make(runtime, conn, ticks, now)

    def end(self, conn: Connection, progress: Mapping[str, Any], now: datetime) -> None:
        """Behind the last page: of how many items it was."""
        told = self.tick.told
        stored_events.insert_outcomes(
            conn,
            [
                {
                    "event_id": progress["event"],
                    "org_id": self.schedule.org,
                    "state": "routed" if progress["made"] else "no_rule",
                    "type": PLANNED,
                    "about": told["about"],
                    "item_id": None,
                    "reason": f"{progress['made']} of {progress['seen']} items of {told['list']}",
                    "at": now,
                }
            ],
        )


def applies(rule: Rule, facts: reading.Facts) -> bool:
    """Whether the condition holds; one that cannot be said fails its run, which says where."""
    try:
        return holds(rule, facts)
    except RuleError:
        return True
