"""A source's field mapping: data that says where its fields go, compiled to the steps of a rule.

{"event": "form.submitted", "email": "${event.data.email}",
 "contact": {"name": "${event.data.name}", "phone": …, "title": …, "company": …},
 "list": "Leads", "fields": {"status": "New", …},
 "nobody": "create" | "report",
 "stream": {"subject": "…", "body": "…"}}
"""

from collections.abc import Mapping
from typing import Any

from relay.core.errors import InvalidInput
from rules.engine import Rule, RuleError, Verb, compile_rule, rule_hash

KEYS = ("event", "email", "contact", "list", "fields", "nobody", "stream")
NOBODY = ("create", "report")
EMAIL = "${event.data.email}"


def rule_id(source: int) -> str:
    """Under which id a source's mapping fires."""
    return f"mapping-{source}"


def compile_mapping(
    source: int, name: str, mapping: Mapping[str, Any], verbs: Mapping[str, Verb]
) -> Rule:
    """The mapping as a rule. Raises InvalidInput with the place of the first fault."""
    _check(mapping)
    data = rule_data(source, name, mapping)
    try:
        return compile_rule(data, verbs=verbs, place=f"mapping of {name}")
    except RuleError as error:
        raise InvalidInput(f"the mapping of source {name!r}: {error}") from error


def mapping_hash(rule: Rule) -> str:
    """Under which a mapping's text is kept."""
    return rule_hash(rule)


def rule_data(source: int, name: str, mapping: Mapping[str, Any]) -> dict[str, object]:
    """The rule's text as plain values."""
    email = str(mapping.get("email", EMAIL))
    creates = mapping.get("nobody", "create") == "create"
    person = {"email": email, **mapping.get("contact", {}), "create": creates}
    steps: list[dict[str, object]] = [
        {"id": "contact", "use": "crm.upsert_contact", "with": person}
    ]
    if "list" in mapping:
        steps += _item(mapping, creates=creates)
    if "stream" in mapping:
        whose = {"contact": "${steps.contact.output.id}"}
        if "list" in mapping:
            whose = {"item": "${steps.item.output.id}"}
        entry = {**whose, **mapping["stream"]}
        steps.append({"id": "stream", "use": "crm.post_stream", "with": entry})
    rule: dict[str, object] = {
        "id": rule_id(source),
        "name": f"Fields of {name}",
        "when": {"received": mapping.get("event", "*"), "source": name},
        "do": steps,
    }
    if email.startswith("${") and email.endswith("}"):
        rule["if"] = f"{email[2:-1]} != null"
    return rule


def _item(mapping: Mapping[str, Any], *, creates: bool) -> list[dict[str, object]]:
    where = {"list": mapping["list"], "contact": "${steps.contact.output.id}"}
    fields = mapping.get("fields", {})
    if creates:
        params = {**where, "match": "contact", "fields": fields}
        return [{"id": "item", "use": "crm.create_item", "with": params}]
    found = {**where, "open_only": False}
    update = {"item": "${steps.item.output.id}", "fields": fields}
    return [
        {"id": "item", "use": "crm.find_item", "with": found},
        {"id": "update", "use": "crm.update_item", "with": update},
    ]


def _check(mapping: Mapping[str, Any]) -> None:
    unknown = [key for key in mapping if key not in KEYS]
    if unknown:
        raise InvalidInput(f"a mapping has no {unknown[0]!r}; it has {', '.join(KEYS)}")
    if mapping.get("nobody", "create") not in NOBODY:
        raise InvalidInput(f"nobody: {mapping['nobody']!r} is neither {' nor '.join(NOBODY)}")
