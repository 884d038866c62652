"""The rule language: rules are read, checked, matched, and worked out on plain values."""

from rules.engine.model import (
    Clause,
    Condition,
    Finding,
    Match,
    Once,
    Param,
    Retry,
    Rule,
    RuleError,
    Step,
    Trigger,
    Verb,
)

__all__ = [
    "Clause",
    "Condition",
    "Finding",
    "Match",
    "Once",
    "Param",
    "Retry",
    "Rule",
    "RuleError",
    "Step",
    "Trigger",
    "Verb",
]
