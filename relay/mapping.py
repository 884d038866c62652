"""A source's field mapping: data that says where its fields go, compiled to the steps of rules.

{"event": "form.submitted", "email": "${event.data.email}",
 "contact": {"name": "${event.data.name}", "phone": …, "title": …, "company": …},
 "account": "${event.data.company}",
 "list": "Leads", "fields": {"account_name": "${event.data.company}", …},
 "new": {"status": "New"},
 "values": {"status": {"Ready to buy": "Qualified", …}},
 "nobody": "create" | "report", "several": "usual" | "oldest" | "newest" | "all" | "refuse",
 "stream": {"subject": "…", "body": "…"},
 "also": [{"event": "invoice.paid", "number": "${event.data.our_number}", …}, …]}

`new` is what only a new item gets. `values` translates what the sender calls a field's options.
`account` names the company that a new item of an account list is about. `number` leads to the item
a document was booked for; such a part finds items and makes none. Without `list` the stream entry
is about the person. `also` holds what else the source tells of.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from relay.core.errors import InvalidInput
from rules.engine import Rule, RuleError, Verb, compile_rule, rule_hash
from rules.engine.templates import whole

KEYS = ("event", "email", "number", "contact", "account", "list", "fields", "new", "values",
        "nobody", "several", "stream", "also")  # fmt: skip
NOBODY = ("create", "report")
SEVERAL = ("usual", "oldest", "newest", "all", "refuse")
EMAIL = "${event.data.email}"
_PREFIX = "mapping-"


def rule_id(source: int, part: int = 0) -> str:
    """Under which id a source's mapping fires; each further part has a number of its own."""
    return f"{_PREFIX}{source}" + (f"-{part + 1}" if part else "")


def is_mapping(rule: str) -> bool:
    """Whether a rule's id is that of a source's mapping."""
    return rule.startswith(_PREFIX) and rule.removeprefix(_PREFIX)[:1].isdigit()


def parts_of(mapping: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The mapping's parts, one for each kind of event."""
    yield {key: value for key, value in mapping.items() if key != "also"}
    yield from mapping.get("also", ())


def compile_mapping(
    source: int, name: str, mapping: Mapping[str, Any], verbs: Mapping[str, Verb]
) -> list[Rule]:
    """The mapping as rules. Raises InvalidInput with the place of the first fault."""
    _check_parts(mapping)
    rules = []
    for number, part in enumerate(parts_of(mapping)):
        _check(part)
        try:
            data = rule_data(rule_id(source, number), name, part)
            rules.append(compile_rule(data, verbs=verbs, place=f"mapping of {name}"))
        except RuleError as error:
            raise InvalidInput(f"the mapping of source {name!r}: {error}") from error
    return rules


def versions_of(
    source: int, name: str, mapping: Mapping[str, Any] | None, verbs: Mapping[str, Verb]
) -> dict[str, Mapping[str, object]]:
    """The mapping's rules as plain values by their hash: what is kept of them."""
    if mapping is None:
        return {}
    rules = compile_mapping(source, name, mapping, verbs)
    return {rule_hash(rule): rule.data for rule in rules}


def rule_data(id: str, name: str, part: Mapping[str, Any]) -> dict[str, object]:
    """One part's rule as plain values."""
    email = str(part.get("email", EMAIL))
    rule: dict[str, object] = {
        "id": id,
        "name": f"Fields of {name}",
        "when": {"received": part.get("event", "*"), "source": name},
        "do": _steps(part, email),
    }
    given = (_is_given(text) for text in (str(part.get("number", "")), email))
    known = [condition for condition in given if condition]
    if known:
        rule["if"] = " || ".join(known)
    return rule


def _is_given(text: str) -> str:
    """The condition that an expression has a value; empty for plain text. Facts are null where
    there is none; a sender's own field may be empty text."""
    expression = whole(text) if "${" in text else None
    if expression is None:
        return ""
    if "?" not in expression:
        return f"{expression} != null"
    return f"({expression}) != null && ({expression}) != ''"


def _steps(part: Mapping[str, Any], email: str) -> list[dict[str, object]]:
    creates = part.get("nobody", "create") == "create"
    steps: list[dict[str, object]] = []
    whose: dict[str, object] = {"email": email}
    if "number" in part:
        steps += _document(part, email)
        whose = {"item": "${steps.item.output.id}"}
    elif "list" in part or "contact" in part:
        person = {"email": email, **part.get("contact", {}), "create": creates}
        steps.append({"id": "contact", "use": "crm.upsert_contact", "with": person})
        whose = {"contact": "${steps.contact.output.id}"}
        if "list" in part:
            steps += _item(part, creates=creates)
            whose = {"item": "${steps.item.output.id}"}
    if "stream" in part:
        entry = {**whose, **part["stream"]}
        steps.append({"id": "stream", "use": "crm.post_stream", "with": entry})
    return steps


def _document(part: Mapping[str, Any], email: str) -> list[dict[str, object]]:
    where = {"list": part["list"], "number": part["number"], "email": email, **_several(part)}
    steps: list[dict[str, object]] = [{"id": "item", "use": "crm.find_item", "with": where}]
    if part.get("fields"):
        update = {"item": "${steps.item.output.id}", "fields": _fields(part)}
        steps.append({"id": "update", "use": "crm.update_item", "with": update})
    return steps


def _item(part: Mapping[str, Any], *, creates: bool) -> list[dict[str, object]]:
    steps: list[dict[str, object]] = []
    where = {"list": part["list"], "contact": "${steps.contact.output.id}", "match": "contact"}
    company = str(part.get("account", ""))
    if creates and company:
        step: dict[str, object] = {"id": "account", "use": "crm.upsert_account",
                                   "with": {"name": company}}  # fmt: skip
        if given := _is_given(company):
            step["if"] = given
        steps.append(step)
        where["account"] = "${steps.account.output.id}"
    params = {**where, "fields": _fields(part), "create": creates, **_several(part)}
    if part.get("new"):
        params["initial"] = part["new"]
    return [*steps, {"id": "item", "use": "crm.create_item", "with": params}]


def _fields(part: Mapping[str, Any]) -> dict[str, object]:
    tables = part.get("values", {})
    return {slug: _translated(value, tables.get(slug))
            for slug, value in part.get("fields", {}).items()}  # fmt: skip


def _translated(value: object, table: object) -> object:
    """The expression with its texts looked up first; one that is not in the table stays itself."""
    expression = whole(value) if isinstance(value, str) else None
    if expression is None or not isinstance(table, Mapping) or not table:
        return value
    known = json.dumps({str(key): str(text) for key, text in table.items()}, ensure_ascii=False)
    return f"${{({expression}) == null ? null : translate(({expression}), {known})}}"


def _several(part: Mapping[str, Any]) -> dict[str, object]:
    return {"several": part["several"]} if "several" in part else {}


def _check_parts(mapping: Mapping[str, Any]) -> None:
    others = mapping.get("also", ())
    if not isinstance(others, list | tuple) or not all(isinstance(p, Mapping) for p in others):
        raise InvalidInput("also: is a list of further mappings")
    if any("also" in part for part in others):
        raise InvalidInput("also: its parts have no parts of their own")


def _check(part: Mapping[str, Any]) -> None:
    unknown = [key for key in part if key not in KEYS]
    if unknown:
        raise InvalidInput(f"a mapping has no {unknown[0]!r}; it has {', '.join(KEYS)}")
    if part.get("nobody", "create") not in NOBODY:
        raise InvalidInput(f"nobody: {part['nobody']!r} is neither {' nor '.join(NOBODY)}")
    if part.get("several", "usual") not in SEVERAL:
        raise InvalidInput(f"several: {part['several']!r} is none of {', '.join(SEVERAL)}")
    if "number" in part and part.get("several") == "all":
        raise InvalidInput("several: a document is paid once, so it is never for all items")
    if "number" in part and "list" not in part:
        raise InvalidInput("number: leads to an item of a list, and no list is named")
    for key in ("contact", "fields", "new", "values", "stream"):
        if not isinstance(part.get(key, {}), Mapping):
            raise InvalidInput(f"{key}: is no map of names to values")
