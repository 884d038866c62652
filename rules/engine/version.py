"""A rule's version: the hash of its canonical form. Names, tests, comments and the order of keys
do not count."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from rules.engine.model import Rule

SHOWN = 12
_LEFT_OUT = frozenset({"name", "tests"})


def canonical(data: Mapping[str, object]) -> str:
    """The canonical JSON of a rule's data."""
    kept = {key: value for key, value in data.items() if key not in _LEFT_OUT}
    return json.dumps(
        kept, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_scalar
    )


def _scalar(value: object) -> object:
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        return int(value) if whole else f"{value.normalize():f}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def hash_of(data: Mapping[str, object]) -> str:
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def rule_hash(rule: Rule) -> str:
    """64 hexadecimal digits; people are shown the first 12."""
    return rule.hash or hash_of(rule.data)


def set_hash(rules: Iterable[Rule]) -> str:
    """The set's hash covers all rule hashes, whatever their order and files."""
    lines = sorted(f"{rule.id} {rule_hash(rule)}" for rule in rules)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
