"""Rule files as tests write them: the text, what it becomes, and what the lint says of it."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from textwrap import dedent, indent

import orjson

from relay.bootstrap import VERBS
from rules.engine import (
    FieldSchema,
    Finding,
    ListSchema,
    Loaded,
    Param,
    Rule,
    RuleSet,
    Schemas,
    Verb,
    load,
)

RULES = Path(__file__).parents[2] / "rules"
POST = "do: [{ use: crm.post_stream, with: { subject: a, body: b, account: '1' } }]"

_FILLED = {
    "id": "id: example",
    "when": "when: { changed: status, list: Deals, to: Deal Won }",
    "do": POST,
    "tests": "tests: [{ name: a, given: { changed: status, to: Lead }, expect: [] }]",
}


@cache
def first_organization() -> Schemas:
    """What the first organization has, as the schema file beside the rules says it."""
    return Schemas.from_data(orjson.loads((RULES / "schema/first-organization.json").read_bytes()))


def file_of(*rules: str) -> str:
    """A file of these rules; each is the text below its dash."""
    shown = [indent(dedent(rule).strip("\n"), "    ").replace("    ", "  - ", 1) for rule in rules]
    return "\n".join(["version: 1", "rules:", *shown, ""])


def read(text: str, schemas: Schemas | None = None, path: str = "rules/a.yaml") -> Loaded:
    return load({path: text}, verbs={**VERBS, **MARKETING}, schemas=schemas)


def findings(text: str, *, known: Schemas | None = None) -> tuple[Finding, ...]:
    """What the lint says of a file, in the first organization unless `known` says otherwise."""
    return read(text, known or first_organization()).findings


def rule(when: str, rest: str = POST, id: str = "a-rule") -> Rule:
    """One sound rule with this trigger."""
    loaded = read(file_of(f"id: {id}\nwhen: {when}\n{rest}"))
    assert loaded.ok, loaded.findings
    return loaded.rules[0]


def rules(**whens: str) -> RuleSet:
    """A set of rules, each called by its key, with a trigger and a step of no matter."""
    return RuleSet(rule(when, id=id.replace("_", "-")) for id, when in whens.items())


def codes(text: str, known: Schemas | None = None) -> list[str]:
    return [one.code for one in findings(text, known=known)]


def condition(text: str, *, for_stages: bool = False) -> str:
    """A file with one rule, for new deals or for their stages, that has this condition."""
    when = "{ changed: status, list: Deals }" if for_stages else "{ created: item, list: Deals }"
    return file_of(f"id: a-rule\nwhen: {when}\nif: {json.dumps(text)}\n{POST}")


def whole(example: str) -> str:
    """The file an example is part of: whole files and lists of rules stand as they are; one rule's
    keys get those that a rule needs."""
    if example.startswith("version:"):
        return example
    if example.startswith("- "):
        lines = "".join(f"  {line}\n" for line in example.splitlines())
        return f"version: 1\nrules:\n{lines}"
    named = re.findall(r"^(\w+):", example, re.MULTILINE)
    missing = [line for key, line in _FILLED.items() if key not in named]
    return file_of("\n".join([example.rstrip("\n"), *missing]))


# The verbs of rule-language examples whose connectors are still to come.
MARKETING: Mapping[str, Verb] = {
    f"{name}.add": Verb(
        f"{name}.add",
        (
            Param("list", "text"),
            Param("audience", "text"),
            Param("emails", "list", required=True),
            Param("fields", "map"),
        ),
        one_of=(("list", "audience"),),
        output=("id", "created"),
    )
    for name in ("hubspot", "mailchimp", "pardot")
}


@cache
def every_code() -> Schemas:
    """The first organization with what some findings are about: a setting, a list whose fields
    rules cannot tell apart, connections to marketing tools, a CRM elsewhere."""
    known = first_organization()
    dates = tuple(
        FieldSchema(slug="due_date", label=label, type="date") for label in ("Due Date", "Due-Date")
    )
    return replace(
        known,
        lists=(*known.lists, ListSchema(title="Projects", fields=dates)),
        connections={**known.connections, "mailchimp": "mailchimp", "hubspot": "hubspot"},
        settings=("vat_rate",),
        crm="salesforceiq",
    )
