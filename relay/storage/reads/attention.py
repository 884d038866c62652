"""What waits for a person: the numbers beside the menu."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Select, Table, func, literal, select, union_all

from relay.storage.reads import failures
from relay.storage.tables.hooks import hooks
from relay.storage.tables.setup import connections, rule_findings, rule_states
from relay.storage.tables.work import dead


@dataclass(frozen=True, slots=True, kw_only=True)
class Badges:
    """How many of each need somebody."""

    dead: int = 0
    failed: int = 0  # runs that nobody has looked after yet, up to a hundred
    connections: int = 0
    rules: int = 0
    paused: int = 0  # rules, by a person
    hooks: int = 0


def badges(conn: Connection, org: int) -> Badges:
    """One statement, for it is asked on every page."""
    there = (connections.c.org_id == org, connections.c.removed_at.is_(None))
    stopped = (*there, connections.c.state != "active")
    each = union_all(
        _number("dead", dead, dead.c.org_id == org),
        select(literal("failed").label("name"), failures.counted(org).label("number")),
        _number("connections", connections, *stopped),
        _number("hooks", hooks, hooks.c.org_id == org, hooks.c.state == "disabled"),
        _number("rules", rule_findings, rule_findings.c.org_id == org),
        _number("paused", rule_states, rule_states.c.org_id == org, rule_states.c.paused.is_(True)),
    )
    return Badges(**{row.name: row.number for row in conn.execute(each)})


def _number(name: str, table: Table, *where: ColumnElement[bool]) -> Select[str, int]:
    number = func.count().label("number")
    return select(literal(name).label("name"), number).select_from(table).where(*where)
