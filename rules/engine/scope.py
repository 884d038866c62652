"""The names that an expression of a rule may use, with their types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rules.engine.model import Rule, Step, Trigger, Verb
from rules.engine.schemas import ACCOUNT, CONTACT, ITEM, FieldSchema, Schemas

_CEL_KINDS = {
    "text": "text", "select": "text", "status": "text", "date": "timestamp", "list": "texts",
    "multi_select": "texts",
}  # fmt: skip
_NEVER_EMPTY = frozenset({"id", "name", "created", "modified", "emails"})
_EVENT_NAMES = ("id", "at", "type", "from", "to", "data", "body", "list", "since", "trigger")
_TIMES = frozenset({"at", "since"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Records by name; None where this rule's triggers bind none. `data` is None where the
    event's facts are not known; `steps` maps a step to what it gives, None where not known."""

    records: Mapping[str, Mapping[str, FieldSchema] | None]
    data: Mapping[str, str] | None
    lists: tuple[str, ...]
    event_type: str
    values: FieldSchema | None = None
    steps: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    failing: bool = False
    known: bool = True
    settings: tuple[str, ...] | None = None

    def field_of(self, path: Sequence[str]) -> FieldSchema | None:
        """The field that `item.amount` names; the changed field for `event.from` and `event.to`."""
        if tuple(path[:2]) in (("event", "from"), ("event", "to")):
            return self.values
        record = self.records.get(path[0])
        return record.get(path[1]) if record is not None and len(path) > 1 else None

    def kind(self, path: Sequence[str]) -> str:
        """The checker's type of a fact."""
        if path[0] == "now" or (path[0] == "event" and path[1:2] and path[1] in _TIMES):
            return "timestamp"
        if path[0] == "event":
            fact = self.data.get(path[2]) if self.data and len(path) > 2 else None
            return _CEL_KINDS.get(fact or "", "dyn")
        found = self.field_of(path)
        return _CEL_KINDS.get(found.type, "dyn") if found is not None else "dyn"

    def may_be_empty(self, path: Sequence[str]) -> bool:
        """Whether a fact that is known here can be null."""
        if path[0] == "event":
            return len(path) > 2 and path[1] == "data" and bool(self.data) and path[2] in self.data  # type: ignore[operator]
        return self.field_of(path) is not None and path[-1] not in _NEVER_EMPTY


def event_names() -> tuple[str, ...]:
    return _EVENT_NAMES


def scope_of(rule: Rule, schemas: Schemas | None) -> Scope:
    """The scope of a rule's `if`; steps are added as they come by `after`."""
    if schemas is None:
        return Scope({}, None, (), "", known=False)
    lists = tuple(dict.fromkeys(t.list for t in rule.when if t.list is not None))
    bound = {root for trigger in rule.when for root in _roots(trigger)}
    return Scope(
        records={
            "item": _item(schemas, lists) if "item" in bound else None,
            "account": _named(ACCOUNT, schemas.account) if "account" in bound else None,
            "contact": _named(CONTACT, schemas.contact) if "contact" in bound else None,
        },
        data=_facts(rule, schemas),
        lists=lists,
        event_type=" or ".join(t.subject for t in rule.when if t.kind == "received"),
        values=_values(rule, schemas),
        settings=schemas.settings,
    )


def after(scope: Scope, step: Step, verb: Verb | None) -> Scope:
    """The scope of what follows a step."""
    output = tuple(verb.output) if verb is not None else None
    return replace(scope, steps={**scope.steps, step.id: output})


def failing(scope: Scope) -> Scope:
    """The scope of `on_failure`."""
    return replace(scope, failing=True)


def _roots(trigger: Trigger) -> tuple[str, ...]:
    if trigger.kind == "received" or (trigger.kind == "scheduled" and trigger.list is None):
        return ()
    if trigger.kind == "created" and trigger.subject != "item":
        return ("contact", "account") if trigger.subject == "contact" else ("account", "contact")
    return ("item", "account", "contact")


def _item(schemas: Schemas, lists: Sequence[str]) -> dict[str, FieldSchema]:
    """Fields that every list of the triggers has; of no one type where they differ."""
    found = [schemas.list_called(title) for title in lists] or list(schemas.lists)
    tables = [{one.slug: one for one in known.fields} for known in found if known is not None]
    common: dict[str, FieldSchema] = {}
    for slug in tables[0] if tables else ():
        same = [table[slug] for table in tables if slug in table]
        if len(same) == len(tables):
            common[slug] = _merged(same)
    return common | {one.slug: one for one in ITEM}


def _merged(same: Sequence[FieldSchema]) -> FieldSchema:
    first = same[0]
    if all(one.type == first.type for one in same):
        options = tuple(dict.fromkeys(option for one in same for option in one.options))
        return FieldSchema(slug=first.slug, label=first.label, type=first.type, options=options)
    return FieldSchema(slug=first.slug, label=first.label, type="any")


def _named(fixed: Sequence[FieldSchema], own: Sequence[FieldSchema]) -> dict[str, FieldSchema]:
    return {one.slug: one for one in (*own, *fixed)}


def _facts(rule: Rule, schemas: Schemas) -> Mapping[str, str] | None:
    """The facts of the events the rule waits for; None where one of them is not known."""
    found: dict[str, str] = {}
    for trigger in rule.when:
        if trigger.kind != "received":
            continue
        stem = trigger.subject.removesuffix("*")
        types = [name for name in schemas.events if name.startswith(stem)]
        if not trigger.subject.endswith("*"):
            types = [trigger.subject] if trigger.subject in schemas.events else []
        if not types:
            return None
        for name in types:
            found |= schemas.events[name]
    return found


def _values(rule: Rule, schemas: Schemas) -> FieldSchema | None:
    for trigger in rule.when:
        known = schemas.list_called(trigger.list)
        if trigger.kind == "changed" and known is not None and len(rule.when) == 1:
            return next((one for one in known.fields if one.slug == trigger.subject), None)
    return None
