"""The grammar as JSON Schema, for editors: completion, and a red line before the lint has run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rules.engine.grammar import (
    DEFAULT_KEYS,
    FILE_KEYS,
    MAX_ATTEMPTS,
    RULE_KEYS,
    STEP_KEYS,
)
from rules.engine.grammar_triggers import TRIGGER_KEYS
from rules.engine.lint_tests import ENDS, EXPECT_KEYS, GIVEN_KEYS, TEST_KEYS
from rules.engine.model import Param, Verb

Schema = dict[str, object]

_TEMPLATE: Schema = {"type": "string", "pattern": r"\$\{"}
_TYPES: Mapping[str, Schema] = {
    "text": {"type": ["string", "number", "boolean", "null"]},
    "reference": {"type": ["string", "number", "null"]},
    "number": {
        "anyOf": [{"type": ["number", "null"]}, {"type": "string", "pattern": r"\$\{|^-?\d"}]
    },
    "date": {"type": ["string", "number", "null"]},
    "boolean": {"anyOf": [{"type": ["boolean", "null"]}, _TEMPLATE]},
    "list": {"anyOf": [{"type": ["array", "null"]}, _TEMPLATE]},
    "map": {"anyOf": [{"type": ["object", "null"]}, _TEMPLATE]},
    "any": {},
}
_RECORD: Schema = {
    "type": ["object", "null"],
    "description": "Values by the fields' names in rules.",
}


def _ref(name: str, help: str = "") -> Schema:
    found: Schema = {"$ref": f"#/definitions/{name}"}
    return {"allOf": [found], "description": help} if help else found


def _text(help: str, **more: object) -> Schema:
    return {"type": "string", "description": help, **more}


def _list(items: Schema, help: str = "", **more: object) -> Schema:
    return {"type": "array", "items": items, **({"description": help} if help else {}), **more}


def _map(keys: Sequence[str], known: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    """A map of these keys and no others, in the grammar's own order."""
    found: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: known[key] for key in keys},
    }
    return {**found, "required": list(required)} if required else found


_EXPRESSION = _text("A CEL expression that gives true or false.", minLength=1, maxLength=1000)
_ON_ERROR: Schema = {
    "enum": ["stop", "continue"],
    "description": "stop: the run fails here. continue: it is written down, and the run goes on.",
}
_RULE: Mapping[str, Schema] = {
    "id": _text("Names the rule for ever.", pattern="^[a-z0-9-]{3,64}$"),
    "name": _text("What people read."),
    "owner": _text("An email address: who is told when the rule fails."),
    "enabled": {"type": "boolean", "default": True},
    "when": {
        "description": "What sets it off; one of a list.",
        "anyOf": [_ref("trigger"), _list(_ref("trigger"), minItems=1)],
    },
    "if": _EXPRESSION,
    "once": _ref("once", "How often it may fire for one item."),
    "do": _list(_ref("step"), "What it does, in this order.", minItems=1),
    "retry": _ref("retry", "For its steps."),
    "on_error": _ON_ERROR,
    "on_failure": _list(_ref("step"), "Done once when the run has failed."),
    "notify": _list(_ref("target"), "Who is told when it fails."),
    "tests": _list(_ref("test"), "What it does in this case and that; run before it is made live."),
}
_STEP: Mapping[str, Schema] = {
    "id": _text("What later steps call it.", pattern="^[A-Za-z_][A-Za-z0-9_]{0,63}$"),
    "use": _text("connector.verb"),
    "connection": _text("Which of several connections of its kind."),
    "with": {"type": ["object", "null"], "description": "Values; ${…} holds an expression."},
    "if": _EXPRESSION,
    "retry": _ref("retry"),
    "on_error": _ON_ERROR,
}
_TRIGGER: Mapping[str, Schema] = {
    "changed": _text("A field, as rules name it: Close Date is close_date."),
    "created": {"enum": ["item", "contact", "account"]},
    "received": _text("A type of event; invoice.* for all that begin so."),
    "scheduled": _text("Five cron fields, or a length of time."),
    "list": _text("A list's title."),
    "source": _text("A source's name."),
    "timezone": _text("Such as America/New_York; else the organization's."),
    "from": _ref("values", "The value before; null is empty."),
    "to": _ref("values", "The value after; null is empty."),
    "not_from": _ref("values"),
    "not_to": _ref("values"),
    "for": _ref("duration", "How long the value has to be held."),
}
_GIVEN: Mapping[str, Schema] = {
    "changed": _text("The field that changed."),
    "created": {"enum": ["item", "contact", "account"]},
    "received": _text("The type of the event."),
    "scheduled": _text("When, such as 2026-05-04T12:00:00Z."),
    "list": _text("Where the rule watches several."),
    "source": _text("The source's name."),
    "from": {},
    "to": {},
    "data": {"type": "object", "description": "The event's facts."},
    "body": {"description": "What the sender sent."},
    "item": _RECORD,
    "account": _RECORD,
    "contact": _RECORD,
    "at": _text("When it happened."),
}
_TEST: Mapping[str, Schema] = {
    "name": _text("What is true of the rule in this case."),
    "given": _ref("given"),
    "stub": {
        "type": "object",
        "description": "What steps answer, by their ids.",
        "additionalProperties": _map(("output", "error"), {
            "output": {"type": "object"},
            "error": {"type": "object", "properties": {"status": {}, "message": {}}},
        }),
    },
    "expect": _list(_ref("action"), "The actions in their order; [] for none."),
    "ends": {"enum": list(ENDS), "default": "succeeded"},
    "notified": _list(_ref("target")),
    "after": _ref("duration", "Moves the clock, so that a `for` comes due."),
    "stays": {"type": "boolean", "description": "false: the value was left before the time."},
    "settings": {"type": "object", "description": "The organization's own values."},
    "timezone": _text("The organization's, such as Europe/Berlin."),
    "now": _text("What time it is, such as 2026-05-01T09:00:00Z."),
}  # fmt: skip
_ACTION: Mapping[str, Schema] = {
    "use": _text("connector.verb"),
    "with": {"type": "object", "description": "Compared as a part of what was sent."},
    "failed": {"type": "boolean"},
    "connection": _text("The connection's name."),
}


def json_schema(verbs: Mapping[str, Verb]) -> Schema:
    """The schema of a rule file with these verbs."""
    known: Mapping[str, Schema] = {
        "version": {"const": 1},
        "defaults": _map(DEFAULT_KEYS, _RULE),
        "rules": _list(_ref("rule")),
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Rules of Relay",
        **_map(FILE_KEYS, known, ("version", "rules")),
        "definitions": {
            "rule": _map(RULE_KEYS, _RULE, ("id", "when", "do")),
            "trigger": {"oneOf": [_map(keys, _TRIGGER, _needed(kind))
                                  for kind, keys in TRIGGER_KEYS.items()]},
            "step": _step(verbs),
            "given": {"oneOf": [_map(keys, _GIVEN, (kind,)) for kind, keys in GIVEN_KEYS.items()]},
            "test": _map(TEST_KEYS, _TEST, ("name", "given", "expect")),
            "action": _map(EXPECT_KEYS, _ACTION, ("use",)),
            **_SMALL,
            **{f"with.{name}": _with(verb) for name, verb in sorted(verbs.items())},
        },
    }  # fmt: skip


_SMALL: Mapping[str, Schema] = {
    "values": {"anyOf": [{"type": ["string", "number", "boolean", "null"]}, {"type": "array"}]},
    "duration": _text("Such as 30s, 15m, 2h, 14d.", pattern=r"^(?!0+[smhd])\d{1,6}[smhd]$"),
    "once": {
        "anyOf": [
            {"enum": ["transition", "item"]},
            _map(("per", "every"), {"per": {"const": "item"}, "every": _ref("duration")},
                 ("per", "every")),
        ]
    },
    "retry": {
        "anyOf": [
            {"const": "off"},
            _map(("attempts", "first", "max"), {
                "attempts": {"type": "integer", "minimum": 1, "maximum": MAX_ATTEMPTS},
                "first": _ref("duration"),
                "max": _ref("duration"),
            }),
        ]
    },
    "target": _text(
        "owner, email:ADDRESS or channel:NAME",
        pattern=r"^(owner|email:[^@\s]+@[^@\s]+|channel:\S+)$",
    ),
}  # fmt: skip


def _needed(kind: str) -> tuple[str, ...]:
    return {"changed": ("changed", "list"), "received": ("received", "source")}.get(kind, (kind,))


def _step(verbs: Mapping[str, Verb]) -> Schema:
    """A step, whose `with` is that of its verb."""
    use: Schema = {"enum": sorted(verbs), "description": "connector.verb"}
    choices = [
        {"if": {"properties": {"use": {"const": name}}}, "then": _then(verbs[name])}
        for name in sorted(verbs)
    ]
    return {**_map(STEP_KEYS, {**_STEP, "use": use}, ("use",)), "allOf": choices}


def _then(verb: Verb) -> Schema:
    found: Schema = {"properties": {"with": _ref(f"with.{verb.name}")}}
    if any(param.required for param in verb.params):
        found["required"] = ["with"]
    return found


def _with(verb: Verb) -> Schema:
    known = {param.name: _param(param) for param in verb.params}
    required = [param.name for param in verb.params if param.required]
    found = _map(tuple(known), known, required)
    groups = [{"anyOf": [{"required": [name]} for name in group]} for group in verb.one_of]
    if groups:
        found["allOf"] = groups
    return {**found, "description": verb.help} if verb.help else found


def _param(param: Param) -> Schema:
    return {**_TYPES[param.type], **({"description": param.help} if param.help else {})}


def written(verbs: Mapping[str, Verb]) -> str:
    """The schema as its file holds it."""
    return json.dumps(json_schema(verbs), indent=2, ensure_ascii=False) + "\n"
