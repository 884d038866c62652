"""The rule language: rules are read, checked, matched, and worked out on plain values."""

from rules.engine.compile import compile_rule
from rules.engine.errors import RuleError
from rules.engine.evaluate import (
    clauses_of,
    condition,
    holds,
    origin,
    readable,
    resolve,
    truth,
)
from rules.engine.expr import CLEAR
from rules.engine.load import Loaded, load
from rules.engine.match import RuleSet, holds_value
from rules.engine.model import (
    Clause,
    Condition,
    Finding,
    Match,
    Once,
    Param,
    Retry,
    Rule,
    Step,
    Trigger,
    Verb,
)
from rules.engine.names import optional_path
from rules.engine.pack import pack, unpack
from rules.engine.schedule import clear_to_fire, held_until, last_time, next_time
from rules.engine.schemas import FieldSchema, ListSchema, Schemas
from rules.engine.version import rule_hash, set_hash

__all__ = [
    "CLEAR",
    "Clause",
    "Condition",
    "FieldSchema",
    "Finding",
    "ListSchema",
    "Loaded",
    "Match",
    "Once",
    "Param",
    "Retry",
    "Rule",
    "RuleError",
    "RuleSet",
    "Schemas",
    "Step",
    "Trigger",
    "Verb",
    "clauses_of",
    "clear_to_fire",
    "compile_rule",
    "condition",
    "held_until",
    "holds",
    "holds_value",
    "last_time",
    "load",
    "next_time",
    "optional_path",
    "origin",
    "pack",
    "readable",
    "resolve",
    "rule_hash",
    "set_hash",
    "truth",
    "unpack",
]
