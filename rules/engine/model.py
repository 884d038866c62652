"""What a rule is, once read: frozen values without behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from rules.engine.marks import Marks
from rules.engine.templates import Fill, Filling

ParamType = Literal["text", "number", "date", "boolean", "list", "map", "any", "reference"]
Severity = Literal["error", "warning"]
OnError = Literal["stop", "continue"]


@dataclass(frozen=True, slots=True)
class Param:
    """One key of a verb's `with`."""

    name: str
    type: ParamType
    required: bool = False
    help: str = ""


@dataclass(frozen=True, slots=True)
class Verb:
    """What a verb takes and gives. `name` is the full one, `quickbooks.sales_receipt`.

    books       makes a booking: done once per deal, connection and label
    one_of      groups of parameters of each of which at least one has to be given
    output      the names bound under `steps.<id>.output`
    idempotent  the target takes a key, so that a repeated call has no second effect
    """

    name: str
    params: Sequence[Param]
    books: bool = False
    one_of: Sequence[Sequence[str]] = ()
    output: Sequence[str] = ()
    help: str = ""
    idempotent: bool = True

    def param(self, name: str) -> Param | None:
        return next((param for param in self.params if param.name == name), None)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a step is tried: waits double from `first` up to `max`. One attempt is `off`."""

    attempts: int = 5
    first: timedelta = timedelta(seconds=10)
    max: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Once:
    """How often a rule may fire for an item: `every` is set with kind `per` alone."""

    kind: Literal["transition", "item", "per"] = "transition"
    every: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One `when`. `subject` is the field, kind, event type (or glob) or schedule, by `kind`.

    `from_values` and the like are None where the rule does not say; a None among them is "empty".
    """

    kind: Literal["changed", "created", "received", "scheduled"]
    subject: str
    list: str | None = None
    source: str | None = None
    timezone: str | None = None
    from_values: tuple[object, ...] | None = None
    to_values: tuple[object, ...] | None = None
    not_from: tuple[object, ...] = ()
    not_to: tuple[object, ...] = ()
    held_for: timedelta | None = None
    every: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One action. `place` is where it stands in its rule (`do[0]`), `path`, `line`, `column` in
    its file; `marks` has the places of what is in it (`with.customer`, `if`).

    `fill` works `params` out: facts in, values out. Read it through `resolve`.
    """

    id: str
    use: str
    params: Mapping[str, object] = field(default_factory=dict)
    connection: str | None = None
    condition: str | None = None
    retry: Retry = Retry()
    on_error: OnError = "stop"
    place: str = ""
    path: str = ""
    line: int = 0
    column: int = 0
    marks: Marks = field(default=Marks(), repr=False, compare=False)
    fill: Fill = field(default=Filling({}), repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `data` is its text as plain values, defaults of its file included; `marks` has the
    places of what is in it (`do[0].with.customer`)."""

    id: str
    when: tuple[Trigger, ...]
    do: tuple[Step, ...]
    name: str = ""
    owner: str | None = None
    enabled: bool = True
    condition: str | None = None
    once: Once = Once()
    retry: Retry = Retry()
    on_error: OnError = "stop"
    on_failure: tuple[Step, ...] = ()
    notify: tuple[str, ...] = ()
    tests: tuple[Mapping[str, object], ...] = ()
    path: str = ""
    line: int = 0
    column: int = 0
    data: Mapping[str, object] = field(default_factory=dict, repr=False)
    marks: Marks = field(default=Marks(), repr=False, compare=False)
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault found before a rule runs. Line and column count from 1, in characters."""

    code: str
    severity: Severity
    path: str
    line: int
    column: int
    length: int
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that an event may fire, and which of its triggers matched."""

    rule: Rule
    trigger: int


@dataclass(frozen=True, slots=True)
class Clause:
    """One top-level `&&` part of a condition, with the values it read."""

    text: str
    held: bool | None
    error: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Condition:
    """What became of an `if`."""

    held: bool
    clauses: tuple[Clause, ...] = ()
