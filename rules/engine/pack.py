"""Checked rules as one text, to be kept beside their set: read again from it, ten thousand of them
need neither YAML nor the lint, and no expression is compiled before it runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

from rules.engine.grammar import read_rule
from rules.engine.marks import Marks
from rules.engine.model import Rule

FORMAT = 1  # to be raised with the grammar's meaning: what another wrote is read from the files


def pack(rules: Iterable[Rule]) -> str:
    """The rules of a set without errors, without their tests."""
    kept = [
        {"path": rule.path, "marks": rule.marks.text, "data": _without_tests(rule.data)}
        for rule in rules
    ]
    return _json({"format": FORMAT, "rules": kept})


def unpack(text: str) -> tuple[Rule, ...] | None:
    """The rules again, in their order; None where another version of the engine wrote the text."""
    kept = json.loads(text, parse_float=Decimal)
    if kept["format"] != FORMAT:
        return None
    return tuple(
        read_rule(one["data"], one["path"], Marks(one["marks"]), {})[0] for one in kept["rules"]
    )


def _without_tests(data: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in data.items() if key != "tests"}


def _json(value: object) -> str:
    """JSON whose numbers keep every digit."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)}:{_json(inner)}" for key, inner in value.items())
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    return json.dumps(value)
