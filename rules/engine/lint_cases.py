"""R507: what a test gives, against the organization: a misspelt name would just never be read."""

from __future__ import annotations

from collections.abc import Mapping

from rules.engine.model import Rule
from rules.engine.schemas import FieldSchema, Schemas
from rules.engine.scope import Scope, scope_of
from rules.engine.talk import Talk, did_you_mean


def check_cases(rule: Rule, schemas: Schemas, talk: Talk) -> None:
    scope = scope_of(rule, schemas)
    for index, test in enumerate(rule.tests):
        given, place = test.get("given"), f"tests[{index}].given"
        if not isinstance(given, Mapping):
            continue  # told as R503
        for root in ("item", "account", "contact"):
            _record(root, given.get(root), (scope, talk), f"{place}.{root}")
        _changed(given, (rule, schemas), talk, place)
        _data(given.get("data"), scope, talk, f"{place}.data")
        source = given.get("source")
        if "source" in given and source not in schemas.sources:
            talk.say("R507", f"{place}.source", f"there is no source '{source}'",
                     did_you_mean(str(source), schemas.sources, "sources"))  # fmt: skip


def _record(root: str, given: object, state: tuple[Scope, Talk], place: str) -> None:
    scope, talk = state
    known = scope.records.get(root)
    if not isinstance(given, Mapping) or known is None:
        return
    where = f"on list {' and '.join(scope.lists)}" if root == "item" else f"of {root}s"
    for name, value in given.items():
        if name not in known:
            talk.say("R507", f"{place}.{name}", f"unknown field '{name}' {where}",
                     did_you_mean(name, known, "fields"), key=True)  # fmt: skip
        else:
            _option(known[name], value, talk, f"{place}.{name}")


def _option(field: FieldSchema, value: object, talk: Talk, place: str) -> None:
    for one in value if isinstance(value, list) else [value]:
        if field.options and one is not None and one not in field.options:
            talk.say("R507", place, f"'{one}' is not an option of '{field.label}'",
                     did_you_mean(str(one), field.options, "options"))  # fmt: skip


def _changed(
    given: Mapping[str, object], state: tuple[Rule, Schemas], talk: Talk, place: str
) -> None:
    """The field that changed, and its values, on the list the test names or those of the rule."""
    rule, schemas = state
    slug = given.get("changed")
    known = {one.slug for each in schemas.lists for one in each.fields}
    if slug is None:
        return
    if slug not in known:
        talk.say("R507", f"{place}.changed", f"no list has a field '{slug}'",
                 did_you_mean(str(slug), sorted(known)))  # fmt: skip
        return
    titles = {given["list"]} if given.get("list") else {trigger.list for trigger in rule.when}
    fields = [one for each in schemas.lists if each.title in titles for one in each.fields]
    for key in ("from", "to"):
        for field in (one for one in fields if one.slug == slug):
            _option(field, given.get(key), talk, f"{place}.{key}")


def _data(given: object, scope: Scope, talk: Talk, place: str) -> None:
    if not isinstance(given, Mapping) or not scope.data:
        return
    for name in given:
        if name not in scope.data:
            talk.say("R507", f"{place}.{name}", f"'{scope.event_type}' has no fact '{name}'",
                     did_you_mean(name, scope.data, "facts"), key=True)  # fmt: skip
