"""What a delivery would do under a mapping, found by doing it in a transaction that is undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from relay.core.errors import InvalidInput, NotFound, RelayError
from relay.core.event import facts_of
from relay.core.ids import public
from relay.crm.changes import Change, Created
from relay.crm.embedded import contacts, items
from relay.crm.embedded.desk import Desk
from relay.crm.model import List
from relay.crm.moments import milliseconds
from relay.crm.naming import named_values
from relay.crm.port import Author, Done, Operation
from relay.crm.values import display
from relay.mapping import compile_mapping
from relay.pipeline.senders import Delivered
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage.sources import SourceRow
from rules.engine import CLEAR, Rule, RuleError, Step, holds, origin, resolve

_AUTHOR = Author(kind="source", ref="preview")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A field of the list: what it holds now and what it would hold. `refused` says why it would
    not, `origin` where the value came from. `sent` is None where the sender sent nothing."""

    slug: str
    name: str
    type: str
    sent: object = None
    becomes: object = None
    now: object = None
    then: object = None
    refused: str = ""
    origin: str = ""


@dataclass(slots=True, kw_only=True)
class Preview:
    """What one delivery would do. `matched` is False where the mapping is not about its type;
    `stopped` says why it would end early."""

    type: str
    event: str | None = None
    matched: bool = False
    stopped: str = ""
    contact: dict[str, object] | None = None
    item: dict[str, object] | None = None
    cells: list[Cell] = field(default_factory=list)
    stream: dict[str, object] | None = None
    starts: list[str] = field(default_factory=list)

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
    try:
        with runtime.db.write() as conn:
            setup = runtime.setups.of(conn, source.org)
            trial = _Trial(runtime=runtime, conn=conn, setup=setup, told=told)
            trial.carry_out(rule, delivered)
            raise _UndoneError
    except _UndoneError:
        return told


def _is_about(rule: Rule, type: str) -> bool:
    names = [trigger.subject for trigger in rule.when]
    return any(
        name in ("*", type) or (name.endswith(".*") and type.startswith(name[:-1]))
        for name in names
    )


@dataclass(slots=True, kw_only=True)
class _Trial:
    """The steps of one mapping, done for one delivery inside a transaction."""

    runtime: Runtime
    conn: Connection
    setup: Setup
    told: Preview
    facts: dict[str, Any] = field(default_factory=dict)
    changes: list[Change | Created] = field(default_factory=list)

    @property
    def org(self) -> int:
        return self.setup.organization.id

    def carry_out(self, rule: Rule, delivered: Delivered) -> None:
        parsed, now = delivered.parsed, self.runtime.clock.now()
        self.facts = {
            "event": {"id": self.told.event or "", "at": parsed.occurred_at or now,
                      "type": parsed.type, "data": facts_of(parsed), "body": parsed.body,
                      "list": None, "from": None, "to": None, "since": None, "trigger": 0},
            "item": None, "account": None, "contact": None, "steps": {}, "failure": None,
            "now": now, "settings": self.setup.organization.settings,
            "timezone": self.setup.organization.time_zone,
        }  # fmt: skip
        try:
            if not holds(rule, self.facts):
                self.told.stopped = "nothing in it says whom it is about"
                return
            for step in rule.do:
                if holds(step, self.facts):
                    self._step(step)
        except (RelayError, RuleError) as error:
            self.told.stopped = str(error)
        self._starts()

    def _step(self, step: Step) -> None:
        params = dict(resolve(step, self.facts))
        verb = step.use.partition(".")[2]
        if verb in ("create_item", "update_item"):
            params["fields"] = self._convert(step, params)
        operation = Operation(org=self.org, verb=verb, params=params, author=_AUTHOR, key="")
        (result,) = self.runtime.crm.apply(self.conn, [operation], self.changes)
        if not isinstance(result, Done):
            raise result
        self.facts["steps"][step.id] = {"output": dict(result.output)}
        self._tell(verb, params, result)

    def _convert(self, step: Step, params: Mapping[str, object]) -> dict[str, object]:
        """Each value by itself, so that one that is refused hides none of the others."""
        desk = Desk(conn=self.conn, org=self.org, now_ms=milliseconds(self.facts["now"]))
        in_list = self._list(desk, params)
        given = params.get("fields")
        values = given if isinstance(given, Mapping) else {}
        taken: dict[str, object] = {}
        wanted = step.params.get("fields")
        for slug in wanted if isinstance(wanted, Mapping) else {}:
            cell = self._cell(desk, in_list, str(slug), values.get(slug))
            if cell.refused:
                cell = replace(cell, origin=origin(step, f"fields.{slug}") or "")
            elif slug in values:
                taken[str(slug)] = "" if values[slug] is CLEAR else values[slug]
            self.told.cells.append(cell)
        return taken

    def _cell(self, desk: Desk, in_list: List, slug: str, value: object) -> Cell:
        one = in_list.fields.by_name.get(slug)
        name, type_ = (one.name, one.type.value) if one else (slug, "")
        cell = Cell(slug=one.slug if one else slug, name=name, type=type_, sent=value)
        try:
            ready = named_values(in_list.fields, {slug: value}, desk.sent(mapped=True))
        except InvalidInput as error:
            return replace(cell, refused=str(error))
        becomes = [display(in_list.fields.by_id[id], kept, desk.people)
                   for id, kept in ready.items()]  # fmt: skip
        return replace(cell, becomes=becomes[0] if becomes else None)

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

    def _starts(self) -> None:
        rules = self.setup.rules
        for change in self.changes:
            if isinstance(change, Change):
                found = rules.changed(change.list_title, change.field_slug, change.from_display,
                                      change.to_display)  # fmt: skip
            else:
                found = rules.created(change.kind, change.list_title)
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
