"""The JSON Schema that editors use says what the grammar says."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from rules.engine.document import read
from rules.engine.json_schema import json_schema, written
from tests.rules.texts import POST, RULES, VERBS, file_of

_CHECKER = jsonschema_rs.validator_for(json_schema(VERBS))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def faults(text: str) -> list[str]:
    return [str(one.instance_path) for one in _CHECKER.iter_errors(_plain(read(text, "a").value))]


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_rules_fit_it(path: Path) -> None:
    assert not faults(path.read_text())


def test_the_file_beside_the_rules_is_the_one_that_the_code_makes() -> None:
    assert (RULES / "schema/rules.schema.json").read_text() == written(VERBS)


@pytest.mark.parametrize("path", sorted(RULES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_rules_name_it_for_editors(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=schema/rules.schema.json"


@pytest.mark.parametrize(
    "fault",
    [
        "when: { changed: status }",
        "when: { changed: status, created: item, list: Deals }",
        "when: { changed: status, list: Deals, for: 2 weeks }",
        "when: { received: invoice.paid }",
        "once: daily",
        "retry: { attempts: 21 }",
        "on_error: ignore",
        "notify: [somebody]",
        "enabled: yes",
        "id: No Id",
        "onerror: stop",
        "do: []",
        "do: [{ use: crm.post }]",
        "do: [{ use: stop }]",
        "do: [{ use: stop, with: { raeson: a } }]",
        "do: [{ use: quickbooks.invoice, with: { customer: a } }]",
        "do: [{ use: quickbooks.invoice, with: { customer: a, amount: many } }]",
        "tests: [{ name: a, given: { changed: status }, expects: [] }]",
        "tests: [{ name: a, given: { changed: status }, expect: [], ends: done }]",
    ],
)
def test_what_the_lint_refuses_is_red_in_an_editor(fault: str) -> None:
    lines = {"id": "id: a-rule", "when": "when: { created: item, list: Deals }", "do": POST}
    lines[fault.split(":")[0]] = fault
    assert faults(file_of("\n".join(lines.values())))
