"""R1xx: triggers against the organization's lists, fields, options and sources."""

from __future__ import annotations

from rules.engine.model import Rule, Trigger
from rules.engine.schemas import FieldSchema, ListSchema, Schemas
from rules.engine.talk import Talk, did_you_mean

_VALUE_KEYS = ("from", "to", "not_from", "not_to")
_MANY = {"status": "statuses"}
_NOT_TOLD = {
    "contact": "tells of no new contact but those that Relay makes",
    "account": "tells of no new account",
}


def check_triggers(rule: Rule, schemas: Schemas, talk: Talk) -> None:
    several = isinstance(rule.data.get("when"), list)
    for index, trigger in enumerate(rule.when):
        place = f"when[{index}]" if several else "when"
        known = _list_of(trigger, schemas, talk, place)
        if trigger.kind == "changed" and known is not None:
            _changed(trigger, known, talk, place)
        if trigger.kind == "created" and schemas.crm is not None:
            _created_elsewhere(trigger, schemas.crm, talk, place)
        if trigger.kind == "received":
            _received(trigger, schemas, talk, place)


def _list_of(trigger: Trigger, schemas: Schemas, talk: Talk, place: str) -> ListSchema | None:
    if trigger.list is None:
        return None
    known = schemas.list_called(trigger.list)
    if known is None:
        titles = [one.title for one in schemas.lists]
        talk.say("R107", f"{place}.list", f"there is no list '{trigger.list}'",
                 did_you_mean(trigger.list, titles, "lists"))  # fmt: skip
    return known


def _changed(trigger: Trigger, known: ListSchema, talk: Talk, place: str) -> None:
    fields = {one.slug: one for one in known.fields}
    found = fields.get(trigger.subject)
    if found is None:
        talk.say("R108", f"{place}.changed",
                 f"unknown field '{trigger.subject}' on list '{known.title}'",
                 did_you_mean(trigger.subject, fields, "fields"))  # fmt: skip
        return
    values = (trigger.from_values, trigger.to_values, trigger.not_from, trigger.not_to)
    for key, given in zip(_VALUE_KEYS, values, strict=True):
        several = given is not None and len(given) > 1
        for index, value in enumerate(given or ()):
            inner = f"{place}.{key}[{index}]" if several else f"{place}.{key}"
            _option(value, found, known, (talk, inner))


def _option(value: object, found: FieldSchema, known: ListSchema, at: tuple[Talk, str]) -> None:
    if value is None or not found.options or value in found.options:
        return
    talk, place = at
    talk.say("R104", place, f"'{value}' is not a {found.slug} of '{known.title}'",
             did_you_mean(str(value), found.options, _MANY.get(found.slug, "options")))  # fmt: skip


def _created_elsewhere(trigger: Trigger, crm: str, talk: Talk, place: str) -> None:
    if trigger.subject in _NOT_TOLD:
        talk.say("R113", f"{place}.created", f"the CRM '{crm}' {_NOT_TOLD[trigger.subject]}",
                 "a list's new items are told, whoever makes them: created: item",
                 severity="warning")  # fmt: skip


def _received(trigger: Trigger, schemas: Schemas, talk: Talk, place: str) -> None:
    source = trigger.source or ""
    if source not in schemas.sources:
        talk.say("R109", f"{place}.source", f"there is no source '{source}'",
                 did_you_mean(source, schemas.sources, "sources"))  # fmt: skip
    subject, provider = trigger.subject, schemas.sources.get(source, "")
    stem = subject.removesuffix("*")
    own = subject.startswith(f"{provider}.") or provider in ("webhook", "")
    if not own and not any(
        name.startswith(stem) if stem != subject else name == subject for name in schemas.events
    ):
        talk.say("R110", f"{place}.received", f"nothing sends '{subject}'",
                 did_you_mean(subject, schemas.events) or f"or {provider}.<its own name>",
                 severity="warning")  # fmt: skip
