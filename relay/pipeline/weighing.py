"""A rule's condition, asked of what an event says: how its run stands then, and why."""

from typing import Any

from relay.pipeline.reading import Facts
from rules.engine import Rule, RuleError, clauses_of, holds

NOT_HELD = "its condition was false"


def weigh(rule: Rule, facts: Facts) -> tuple[str, str | None, list[dict[str, Any]] | None]:
    """`waiting`, or the state in which the run ends; the reason; each clause with the values it
    read, for the trace."""
    if rule.condition is None:
        return "waiting", None, None
    clauses = [
        {"text": c.text, "held": c.held, "error": c.error, "values": dict(c.values)}
        for c in clauses_of(rule, facts)
    ]
    try:
        held = holds(rule, facts)
    except RuleError as error:
        return "failed", str(error), clauses
    return ("waiting", None, clauses) if held else ("filtered", NOT_HELD, clauses)
