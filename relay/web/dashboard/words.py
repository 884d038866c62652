"""Steps and conditions in the words of people who write no rules."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import g

from relay.web.dashboard.blueprint import me, read, runtime
from relay.web.dashboard.show import plain

_OWN = {
    "crm.update_item": "Item updated",
    "crm.create_item": "Item made",
    "crm.find_item": "Item found",
    "crm.upsert_contact": "Contact found or made",
    "crm.upsert_account": "Account found or made",
    "crm.add_contact": "Contact added to the item",
    "crm.post_stream": "Account Stream told",
    "webhook.post": "Message sent",
    "emit": "Event made",
    "stop": "Stopped on purpose",
}
_EMPTY = re.compile(r"\s*(?:item|account|contact|event\.data)\.(\w+)\s*!=\s*null\s*")


def rule_title(id: str) -> str:
    """A rule's name as it is now; the id of one that is gone."""
    if "rule_names" not in g:
        found = read(lambda conn: runtime().setups.of(conn, me().org).rules.rules)
        g.rule_names = {rule.id: rule.name for rule in found}
    return g.rule_names.get(id) or id


def step_title(use: str) -> str:
    """`quickbooks.sales_receipt` as `Sales receipt in QuickBooks Online`."""
    if use in _OWN:
        return _OWN[use]
    provider, _, verb = use.partition(".")
    integration = runtime().integrations.get(provider)
    title = integration.title if integration else provider
    return f"{verb.replace('_', ' ').capitalize()} in {title}"


def step_icon(use: str) -> str:
    """The symbol of what a step does."""
    if is_booking(use):
        return "bookings"
    return {"webhook.post": "send", "crm.post_stream": "events"}.get(use, "lists")


def is_booking(use: str) -> bool:
    """Whether a step books a sale."""
    verb = runtime().verbs.get(use)
    return verb is not None and verb.books


def failed_clause(text: str, values: Mapping[str, Any], error: str | None = None) -> str:
    """Why a part of a condition did not hold: `Amount is empty`, `plan is “annual”`."""
    empty = _EMPTY.fullmatch(text)
    if empty:
        return f"{_name(empty[1])} is empty"
    if values:
        return ", ".join(f"{_name(path)} is {_value(value)}" for path, value in values.items())
    return error or f"{text} does not hold"


def not_held(clauses: Sequence[Mapping[str, Any]]) -> str:
    """The first part of a stored condition that did not hold, in words."""
    for clause in clauses:
        if not clause.get("held"):
            values = clause.get("values") or {}
            return failed_clause(str(clause.get("text")), values, clause.get("error"))
    return ""


def _name(path: str) -> str:
    return path.rpartition(".")[2].replace("_", " ").capitalize()


def _value(value: object) -> str:
    return "empty" if value is None or value == "" else f"“{plain(value)}”"
