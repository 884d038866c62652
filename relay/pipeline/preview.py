"""What a delivery would do under a mapping, found by doing it in a transaction that is undone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import NotFound, RelayError
from relay.core.event import facts_of
from relay.core.ids import public
from relay.crm.changes import Change, Created, Told
from relay.crm.embedded import contacts, items
from relay.crm.embedded.desk import Desk
from relay.crm.embedded.schema import Schema
from relay.crm.model import Fields, List
from relay.crm.moments import milliseconds
from relay.crm.naming import named_values
from relay.crm.port import Author, Done, Operation
from relay.crm.remote.session import ready
from relay.crm.values import People, display
from relay.mapping import compile_mapping
from relay.pipeline.cells import Cell, cells_of
from relay.pipeline.crm_lists import lists_of
from relay.pipeline.senders import Delivered
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage.sources import SourceRow
from rules.engine import CLEAR, Rule, RuleError, Step, holds, resolve

_AUTHOR = Author(kind="source", ref="preview")
ELSEWHERE = (
    "the CRM is elsewhere: what each field becomes is tried, and whom it reaches there is looked up"
    " when it arrives"
)


@dataclass(slots=True, kw_only=True)
class Preview:
    """What one delivery would do. `matched` is False where the mapping is not about its type;
    `stopped` says why it would end early, `note` what was not tried."""

    type: str
    event: str | None = None
    matched: bool = False
    stopped: str = ""
    contact: dict[str, object] | None = None
    item: dict[str, object] | None = None
    cells: list[Cell] = field(default_factory=list)
    stream: dict[str, object] | None = None
    starts: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def refused(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.refused]

    @property
    def is_saved(self) -> bool:
        """Whether everything would be done."""
        return self.matched and not self.stopped and not self.refused


class _UndoneError(Exception):
    """Ends the transaction without a trace."""


def preview(
    runtime: Runtime, source: SourceRow, mapping: Mapping[str, object], delivered: Delivered
) -> Preview:
    """Raises InvalidInput for a mapping that cannot be carried out."""
    rules = compile_mapping(source.id, source.name, mapping, runtime.verbs)
    event = public("evt", delivered.event) if delivered.event is not None else None
    told = Preview(type=delivered.parsed.type, event=event)
    rule = next((one for one in rules if _is_about(one, told.type)), None)
    if rule is None:
        told.stopped = f"the mapping is not about {told.type}"
        return told
    told.matched = True
    with runtime.db.read() as conn:
        setup = runtime.setups.of(conn, source.org)
        known = None if setup.crm is None else lists_of(runtime, conn, source.org)
    walk = _Walk(told=told, facts=_facts(told, delivered, setup, runtime.clock.now()))
    if known is not None:
        told.note = ELSEWHERE
        walk.through(rule, _Elsewhere(told=told, known=known).do)
        return told
    try:
        with runtime.db.write() as conn:
            trial = _Trial(runtime=runtime, conn=conn, setup=setup, walk=walk)
            walk.through(rule, trial.do)
            trial.tell_starts()
            raise _UndoneError
    except _UndoneError:
        return told


def _is_about(rule: Rule, type: str) -> bool:
    names = [trigger.subject for trigger in rule.when]
    return any(
        name in ("*", type) or (name.endswith(".*") and type.startswith(name[:-1]))
        for name in names
    )


def _facts(told: Preview, delivered: Delivered, setup: Setup, now: datetime) -> dict[str, Any]:
    parsed = delivered.parsed
    return {
        "event": {"id": told.event or "", "at": parsed.occurred_at or now,
                  "type": parsed.type, "data": facts_of(parsed), "body": parsed.body,
                  "list": None, "from": None, "to": None, "since": None, "trigger": 0},
        "item": None, "account": None, "contact": None, "steps": {}, "failure": None,
        "now": now, "settings": setup.organization.settings,
        "timezone": setup.organization.time_zone,
    }  # fmt: skip


# Does one step: verb, the step, its parameters; its output.
_Do = Callable[[str, Step, dict[str, Any]], Mapping[str, object]]


@dataclass(slots=True, kw_only=True)
class _Walk:
    """The steps of one mapping for one delivery, whoever does them."""

    told: Preview
    facts: dict[str, Any]

    def through(self, rule: Rule, do: _Do) -> None:
        try:
            if not holds(rule, self.facts):
                self.told.stopped = "nothing in it says whom it is about"
                return
            for step in rule.do:
                if holds(step, self.facts):
                    params = dict(resolve(step, self.facts))
                    output = do(step.use.partition(".")[2], step, params)
                    self.facts["steps"][step.id] = {"output": dict(output)}
        except (RelayError, RuleError) as error:
            self.told.stopped = str(error)


@dataclass(slots=True, kw_only=True)
class _Elsewhere:
    """Where the CRM is elsewhere nothing can be done and undone: values are converted as its lists
    ask for, and whom they would reach is not looked up."""

    told: Preview
    known: Schema
    into: Fields | None = None  # of the list that the steps are about

    def do(self, verb: str, step: Step, params: dict[str, Any]) -> Mapping[str, object]:
        if "list" in params:
            self.into = self.known.called(params["list"]).fields
        if (fields := self.into) is not None:
            self.told.cells += cells_of(
                step, fields, params.get("fields"),
                convert=lambda slug, value: ready(fields, {slug: value}), people=People,
            )  # fmt: skip
        if verb == "post_stream":
            self.told.stream = {name: params.get(name) for name in ("subject", "body")}
        return {"id": "", "created": False}


@dataclass(slots=True, kw_only=True)
class _Trial:
    """The steps done inside a transaction."""

    runtime: Runtime
    conn: Connection
    setup: Setup
    walk: _Walk
    changes: list[Told] = field(default_factory=list)

    @property
    def org(self) -> int:
        return self.setup.organization.id

    @property
    def told(self) -> Preview:
        return self.walk.told

    def do(self, verb: str, step: Step, params: dict[str, Any]) -> Mapping[str, object]:
        if verb in ("create_item", "update_item"):
            params["fields"] = self._convert(step, params)
        operation = Operation(org=self.org, verb=verb, params=params, author=_AUTHOR, key="")
        (result,) = self.runtime.crm.apply(self.conn, [operation], self.changes)
        if not isinstance(result, Done):
            raise result
        self._tell(verb, params, result)
        return result.output

    def _convert(self, step: Step, params: Mapping[str, object]) -> dict[str, object]:
        """Each value by itself, so that one that is refused hides none of the others."""
        desk = Desk(conn=self.conn, org=self.org, now_ms=milliseconds(self.walk.facts["now"]))
        fields, sent = self._list(desk, params).fields, desk.sent(mapped=True)
        cells = cells_of(
            step, fields, params.get("fields"),
            convert=lambda slug, value: named_values(fields, {slug: value}, sent),
            people=desk.people,
        )  # fmt: skip
        self.told.cells += cells
        given, wanted = params.get("fields"), step.params.get("fields")
        values = given if isinstance(given, Mapping) else {}
        names = wanted if isinstance(wanted, Mapping) else {}
        refused = {name for name, cell in zip(names, cells, strict=True) if cell.refused}
        return {str(name): "" if value is CLEAR else value for name, value in values.items()
                if name not in refused}  # fmt: skip

    def _list(self, desk: Desk, params: Mapping[str, object]) -> List:
        if "list" in params:
            return desk.schema.called(params["list"])
        id = str(params.get("item"))
        found = items.read(self.conn, self.org, {id}).get(id)
        if found is None:
            raise NotFound(f"there is no list item {id!r}")
        return desk.schema.list(found.list_id)

    def _tell(self, verb: str, params: Mapping[str, object], done: Done) -> None:
        match verb:
            case "upsert_contact":
                self.told.contact = self._person(str(done.output["id"])) | dict(done.output)
            case "create_item" | "find_item" | "update_item":
                initial = params.get("initial")
                if done.output.get("created") and isinstance(initial, Mapping):
                    self.told.cells += [Cell(slug=str(slug), name=str(slug), type="", sent=value)
                                        for slug, value in initial.items()]  # fmt: skip
                self._item(str(done.output["id"]), done)
            case "post_stream":
                self.told.stream = {name: params.get(name) for name in ("subject", "body")}
            case _:
                pass

    def _person(self, id: str) -> dict[str, object]:
        person = contacts.read(self.conn, self.org, {id})[id]
        return {"name": person.name, "email": person.email}

    def _item(self, id: str, done: Done) -> None:
        item = items.read(self.conn, self.org, {id})[id]
        desk = Desk(conn=self.conn, org=self.org, now_ms=0)
        in_list = desk.schema.list(item.list_id)
        before = self.told.item or {}
        self.told.item = before | {"name": item.name, "list": in_list.title} | dict(done.output)
        for number, cell in enumerate(self.told.cells):
            one = in_list.fields.by_name.get(cell.slug)
            if one is not None:
                then = display(one, item.values.get(one.id), desk.people)
                now = done.changes.get(one.slug, (then, then))[0]
                now = None if self.told.item.get("created") else now
                told = replace(cell, name=one.name, now=now, then=then)
                self.told.cells[number] = told

    def tell_starts(self) -> None:
        """The rules that the changes would set off."""
        rules = self.setup.rules
        for change in self.changes:
            if isinstance(change, Change):
                found = rules.changed(change.list_title, change.field_slug, change.from_display,
                                      change.to_display)  # fmt: skip
            elif isinstance(change, Created):
                found = rules.created(change.kind, change.list_title)
            else:
                continue  # no rule waits for a removal
            for match in found:
                name = match.rule.name or match.rule.id
                if match.rule.id not in self.setup.paused and name not in self.told.starts:
                    self.told.starts.append(name)


def last_of(delivered: Sequence[Delivered], wanted: str | None) -> Delivered:
    """The one with that public event id, else the newest. Raises NotFound."""
    for one in delivered:
        if wanted is None or (one.event is not None and public("evt", one.event) == wanted):
            return one
    raise NotFound(f"{wanted or 'a delivery'} is none of this source's last deliveries")
