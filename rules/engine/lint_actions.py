"""R3xx: steps against the verbs' schemas, the lists they write to, the connections there are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from rules.engine.errors import RuleError
from rules.engine.functions import moment
from rules.engine.lint_expressions import check_condition, check_expression
from rules.engine.model import Param, Rule, Step, Verb
from rules.engine.names import as_path
from rules.engine.schemas import FieldSchema, Schemas
from rules.engine.scope import Scope, after, failing, scope_of
from rules.engine.talk import Place, Talk, did_you_mean, suggestion
from rules.engine.templates import parts, whole

OWN = frozenset({"crm", "webhook", "emit", "stop"})
MAX_MAILCHIMP_FIELDS = 30
_STEP_ID = re.compile(r"steps\.(\w+)\.output\.id")
_WRONG_KINDS: Mapping[str, tuple[str, ...]] = {
    "number": ("bool", "list", "map", "timestamp"),
    "date": ("bool", "list", "map"),
    "text": ("list", "map"),
    "reference": ("list", "map", "bool", "timestamp"),
    "boolean": ("int", "double", "list", "map", "timestamp"),
    "list": ("string", "int", "double", "bool", "timestamp", "map"),
    "map": ("string", "int", "double", "bool", "timestamp", "list"),
}
_INSTEAD_OF_ITEM: Mapping[str, tuple[str, ...]] = {
    "crm.post_stream": ("contact", "email", "account")
}
_FIELD_KINDS: Mapping[str, str] = {
    "number": "number",
    "date": "date",
    "text": "text",
    "select": "text",
    "status": "text",
    "boolean": "boolean",
}


@dataclass(frozen=True, slots=True)
class Checking:
    """What the checks of one rule's steps share."""

    rule: Rule
    verbs: Mapping[str, Verb]
    schemas: Schemas | None
    talk: Talk


def check_steps(rule: Rule, verbs: Mapping[str, Verb], schemas: Schemas | None, talk: Talk) -> None:
    """All steps in order, each seeing the outputs of those before it, and who is told when one
    fails."""
    checking = Checking(rule, verbs, schemas, talk)
    _channels(rule, checking)
    scope = scope_of(rule, schemas)
    for step in rule.do:
        _step(step, scope, checking)
        scope = after(scope, step, verbs.get(step.use))
    scope = failing(scope)
    for step in rule.on_failure:
        _step(step, scope, checking)
        scope = after(scope, step, verbs.get(step.use))


def _step(step: Step, scope: Scope, checking: Checking) -> None:
    if step.condition is not None:
        check_condition(step.condition, scope, Place(checking.talk, f"{step.place}.if"))
    kinds = dict(_values(step.params, f"{step.place}.with", scope, checking.talk))
    verb = checking.verbs.get(step.use)
    if verb is None:
        checking.talk.say(
            "R303",
            f"{step.place}.use",
            f"there is no verb '{step.use}'",
            did_you_mean(step.use, checking.verbs),
        )
        return
    _params(step, verb, checking.talk)
    for param in verb.params:
        if param.name in step.params:
            place = f"{step.place}.with.{param.name}"
            _typed(step.params[param.name], param.type, place, (kinds.get(place), checking.talk))
    _triggering_item(step, verb, scope, checking.talk)
    _connection(step, checking)
    _targets(step, checking)
    _fields(step, scope, checking, kinds)


def _values(value: object, place: str, scope: Scope, talk: Talk) -> Iterator[tuple[str, str]]:
    """Checks every `${…}` below; gives the kinds of whole values by place."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _values(inner, f"{place}.{key}", scope, talk)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _values(inner, f"{place}[{index}]", scope, talk)
    elif isinstance(value, str) and "${" in value:
        try:
            found = parts(value)
        except RuleError as error:
            talk.say("R309", place, error.message)
            return
        for part in found:
            if part.is_expression:
                kind = check_expression(part.text, scope, Place(talk, place, part.start))
                if len(found) == 1:
                    yield place, kind


def _params(step: Step, verb: Verb, talk: Talk) -> None:
    known = {param.name: param for param in verb.params}
    meant = set()
    for name in step.params:
        if name not in known:
            close = suggestion(name, known)
            meant.add(close)
            help = (
                f"did you mean '{close}'? ({_described(known[close])})"
                if close
                else (f"parameters: {', '.join(known)}")
            )
            talk.say(
                "R301",
                f"{step.place}.with.{name}",
                f"{verb.name} has no parameter '{name}'",
                help,
                key=True,
            )
    place = f"{step.place}.with" if step.params else step.place
    for param in verb.params:
        if param.required and param.name not in step.params and param.name not in meant:
            talk.say("R302", place, f"{verb.name} needs '{param.name}'", param.help)
    for group in verb.one_of:
        if not any(name in step.params or name in meant for name in group):
            talk.say("R306", place, f"{verb.name} needs one of {', '.join(group)}")


def _triggering_item(step: Step, verb: Verb, scope: Scope, talk: Talk) -> None:
    """R315: a verb that works on the triggering item by default, where there is none."""
    bound = not scope.known or scope.records.get("item") is not None
    instead = ("item", *_INSTEAD_OF_ITEM.get(verb.name, ()))
    if bound or verb.param("item") is None or any(name in step.params for name in instead):
        return
    place = f"{step.place}.with" if step.params else step.place
    talk.say("R315", place, "no item set this rule off", f"name one: {', '.join(instead)}")


def _described(param: Param) -> str:
    return f"{param.type}, required" if param.required else param.type


def _typed(value: object, wanted: str, place: str, state: tuple[str | None, Talk]) -> None:
    """R304: a literal, or a whole `${…}` of a known kind, that cannot be what is wanted."""
    kind, talk = state
    if kind:
        plain = kind.lower().split("(")[0]
        if plain in _WRONG_KINDS.get(wanted, ()):
            talk.say("R304", place, f"a {wanted} is wanted here, and this gives a {plain}")
    elif not (isinstance(value, str) and "${" in value) and not _fits(value, wanted):
        talk.say("R304", place, f"a {wanted} is wanted here, not {value!r}")


def _fits(value: object, wanted: str) -> bool:
    if value is None or wanted == "any":
        return True
    if wanted in ("list", "map"):
        return isinstance(value, list if wanted == "list" else Mapping)
    if wanted == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool | list | Mapping):
        return False
    return {"number": _is_number, "date": _is_date}.get(wanted, _is_anything)(value)


def _is_anything(value: object) -> bool:
    return value is not None


def _is_number(value: object) -> bool:
    try:
        Decimal(str(value))
    except InvalidOperation:
        return False
    return True


def _is_date(value: object) -> bool:
    try:
        moment(float(value) if isinstance(value, Decimal) else value)
    except ValueError:
        return False
    return True


# --- connections and targets --------------------------------------------------------------------


def _channels(rule: Rule, checking: Checking) -> None:
    """R316: who is told of a failure by a target that is not there hears of none."""
    for index, told in enumerate(rule.notify):
        kind, _, name = told.partition(":")
        if kind == "channel" and checking.schemas and name not in checking.schemas.targets:
            checking.talk.say(
                "R316",
                f"notify[{index}]",
                f"there is no channel '{name}'",
                did_you_mean(name, checking.schemas.targets, "targets"),
            )


def _connection(step: Step, checking: Checking) -> None:
    provider = step.use.split(".", maxsplit=1)[0]
    if provider in OWN or checking.schemas is None:
        return
    connections = checking.schemas.connections
    of_kind = [name for name, kind in connections.items() if kind == provider]
    if step.connection is None and len(of_kind) != 1:
        said = "there is no" if not of_kind else "there are several"
        plural = "s" if of_kind else ""
        checking.talk.say(
            "R305",
            f"{step.place}.use",
            f"{said} connection{plural} to {provider}",
            f"name one: connection: {of_kind[0]}"
            if of_kind
            else f"relay connection add {provider}",
        )
    elif step.connection is not None and step.connection not in of_kind:
        checking.talk.say(
            "R305",
            f"{step.place}.connection",
            f"there is no connection '{step.connection}' to {provider}",
            did_you_mean(step.connection, of_kind, "connections"),
        )


def _targets(step: Step, checking: Checking) -> None:
    to = step.params.get("to")
    if step.use != "webhook.post" or not isinstance(to, str) or "${" in to:
        return
    if checking.schemas is not None and to not in checking.schemas.targets:
        checking.talk.say(
            "R311",
            f"{step.place}.with.to",
            f"there is no target '{to}'",
            did_you_mean(to, checking.schemas.targets, "targets"),
        )


# --- list fields --------------------------------------------------------------------------------


def _fields(step: Step, scope: Scope, checking: Checking, kinds: Mapping[str, str]) -> None:
    fields = step.params.get("fields")
    if not isinstance(fields, Mapping):
        return
    if step.use == "mailchimp.add" and len(fields) > MAX_MAILCHIMP_FIELDS:
        checking.talk.say(
            "R312",
            f"{step.place}.with.fields",
            f"mailchimp takes {MAX_MAILCHIMP_FIELDS} fields, not {len(fields)}",
        )
    if checking.schemas is None or not step.use.startswith("crm."):
        return
    where, known = _written(step, scope, checking)
    match = step.params.get("match")
    if known and isinstance(match, str) and match not in ("contact", "account", *known):
        checking.talk.say(
            "R307",
            f"{step.place}.with.match",
            f"unknown field '{match}' {where}",
            did_you_mean(match, ("contact", "account", *known), "fields"),
        )
    for slug, value in fields.items() if known is not None else ():
        place = f"{step.place}.with.fields.{slug}"
        field = (known or {}).get(slug)
        if field is None:
            checking.talk.say(
                "R307",
                place,
                f"unknown field '{slug}' {where}",
                did_you_mean(slug, known or (), "fields"),
                key=True,
            )
        else:
            _field_value(field, value, place, (kinds.get(place), checking.talk))


def _field_value(
    field: FieldSchema, value: object, place: str, state: tuple[str | None, Talk]
) -> None:
    given = value if isinstance(value, list) else [value]
    for one in given:
        literal = isinstance(one, str) and "${" not in one
        if literal and field.options and one not in field.options:
            state[1].say(
                "R308",
                place,
                f"'{one}' is not an option of '{field.label}'",
                did_you_mean(str(one), field.options, "options"),
            )
    if field.type in _FIELD_KINDS and not field.options:
        _typed(value, _FIELD_KINDS[field.type], place, state)


def _written(
    step: Step, scope: Scope, checking: Checking
) -> tuple[str, Mapping[str, FieldSchema] | None]:
    """Which fields a step writes: those of its list, its account, or the triggering item."""
    schemas = checking.schemas or Schemas()
    if step.use == "crm.upsert_account":
        return "of accounts", {one.slug: one for one in schemas.account}
    title = list_written(step, checking.rule)
    found = schemas.list_called(title)
    if title is not None and found is None and step.params.get("list") == title:
        titles = [one.title for one in schemas.lists]
        checking.talk.say(
            "R307",
            f"{step.place}.with.list",
            f"there is no list '{title}'",
            did_you_mean(title, titles, "lists"),
        )
    if found is not None:
        return f"on list '{title}'", {one.slug: one for one in found.fields}
    if "item" not in step.params and scope.lists and title is None:
        return f"on lists {' and '.join(scope.lists)}", scope.records.get("item")
    return "", None


def list_written(step: Step, rule: Rule) -> str | None:
    """The title of the list whose item a CRM step writes, where the text says so."""
    own = step.params.get("list")
    if isinstance(own, str):
        return None if "${" in own else own
    item = step.params.get("item")
    if item is None:
        titles = {trigger.list for trigger in rule.when}
        return titles.pop() if len(titles) == 1 else None
    path = as_path(whole(item) or "") if isinstance(item, str) and "${" in item else None
    found = _STEP_ID.fullmatch(path.text) if path is not None else None
    before = next((one for one in rule.do if found and one.id == found[1]), None)
    return list_written(before, rule) if before is not None and before is not step else None
