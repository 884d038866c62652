"""What a change would start, worked out before it is made: the rules that it matches, and whether
their conditions hold for the record as it would then be. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from relay.crm.embedded.desk import Desk
from relay.crm.embedded.records import records
from relay.crm.model import Field, Item, List
from relay.crm.moments import milliseconds
from relay.runtime import Runtime
from rules.engine import Clause, Rule, RuleError, clauses_of, holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """A rule that would look at the change. `held` is None where that cannot be said."""

    rule: Rule
    held: bool | None
    failing: tuple[Clause, ...] = ()
    is_paused: bool = False


def effects(
    runtime: Runtime, conn: Connection, org: int, in_list: List, item: Item, field: Field
) -> dict[str, list[Effect]]:
    """For each option of the field, by its text, what setting it would start."""
    now = runtime.clock.now()
    setup = runtime.setups.of(conn, org)
    (record,) = records(Desk(conn=conn, org=org, now_ms=milliseconds(now)), [item])
    of_item = record["item"]
    known = dict(of_item) if isinstance(of_item, Mapping) else {}
    around = {
        **record,
        "steps": {},
        "failure": None,
        "now": now,
        "settings": setup.organization.settings,
        "timezone": setup.organization.time_zone,
    }
    event: dict[str, object] = {
        "id": "",
        "at": now,
        "type": "list_item.updated",
        "data": {},
        "body": None,
        "list": in_list.title,
        "from": known.get(field.slug),
        "since": None,
        "trigger": 0,
    }
    found: dict[str, list[Effect]] = {}
    for option in field.options:
        becomes = option.display
        then = {
            **around,
            "item": {**known, field.slug: becomes},
            "event": {**event, "to": becomes},
        }
        matches = setup.rules.changed(in_list.title, field.slug, event["from"], becomes)
        found[becomes] = [_effect(match.rule, then, setup.paused) for match in matches]
    return found


def _effect(rule: Rule, facts: Mapping[str, object], paused: frozenset[str]) -> Effect:
    try:
        held: bool | None = holds(rule, facts)
    except RuleError:
        held = None
    failing = tuple(clause for clause in clauses_of(rule, facts) if not clause.held)
    return Effect(rule=rule, held=held, failing=failing, is_paused=rule.id in paused)
