"""The one door to CEL: compile, check, evaluate. The library gives errors back as values; here
they are raised, so that no failure can read as true or as false."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise
from typing import Final

from cel_expr_python import cel  # type: ignore[import-untyped]  # ships no marker

from rules.engine.errors import RuleError
from rules.engine.functions import CLEAR_MARK, FUNCTIONS, Surroundings, surroundings, zone
from rules.engine.lexer import MAX_TEXT, refused_loop, tokens
from rules.engine.names import Facts, depth, facts_of, read, rooted

MAX_FACTS = 64  # in one expression
_MAX_INT, _MIN_INT = 2**63 - 1, -(2**63)
_EXACT_WHOLE = 2**53
_SLOT = re.compile(r"(?:fact|time)_\d+_\Z")
_NUL = "\x00"
_PLAIN = frozenset({str, bool, float, type(None)})
_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_DEEP = re.compile(r"recursion (?:depth|limit)")
_NO_OVERLOAD = re.compile(r"No matching overloads found : (\S+?)\((.*)\)")
_CODE = re.compile(r" \[[A-Z_]+\]$")
_STATUS = re.compile(r"^[A-Z_]+: ")
_SURROUNDED = frozenset({"date", "epoch_ms", "setting"})


class Clear:
    """Stands for an explicit empty value; there is one, `CLEAR`."""

    def __repr__(self) -> str:
        return "CLEAR"


CLEAR: Final = Clear()

_TYPES: Final[Mapping[str, cel.Type]] = {
    "dyn": cel.Type.DYN,
    "text": cel.Type("google.protobuf.StringValue"),
    "string": cel.Type.STRING,
    "int": cel.Type.INT,
    "double": cel.Type.DOUBLE,
    "bool": cel.Type.BOOL,
    "timestamp": cel.Type.TIMESTAMP,
    "duration": cel.Type.DURATION,
    "texts": cel.Type.List(cel.Type.STRING),
    "list": cel.Type.List(cel.Type.DYN),
    "table": cel.Type.Map(cel.Type.STRING, cel.Type.STRING),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What the checker says, at a place in the expression's text (counted from 0)."""

    start: int
    message: str


def _declarations() -> list[cel.FunctionDecl]:
    forms: dict[str, list[cel.Overload]] = {}
    for function in FUNCTIONS:
        forms.setdefault(function.name, []).extend(
            cel.Overload(
                f"{function.name}_{'_'.join(takes) or 'nothing'}",
                return_type=_TYPES[function.gives],
                parameters=[_TYPES[name] for name in takes],
                impl=function.call,
            )
            for takes in function.takes
        )
    return [cel.FunctionDecl(name, overloads) for name, overloads in forms.items()]


_FUNCTIONS: Final = _declarations()


def _nulls(text: str) -> list[int]:
    """Where a `null` is a branch's whole value: written `dyn(null)`, so that
    `x == null ? null : "a"` is well typed."""
    return [
        token.start
        for before, token in pairwise(tokens(text))
        if token.text == "null" and before.text in ("?", ":")
    ]


def _replaced(text: str, changes: Iterable[tuple[int, int, str]]) -> str:
    """The text with these stretches of it (from, to) replaced."""
    for start, end, new in sorted(changes, reverse=True):
        text = f"{text[:start]}{new}{text[end:]}"
    return text


def _bounded(text: str) -> None:
    _readable(text)
    if len(text) > MAX_TEXT:
        raise RuleError(f"an expression has at most {MAX_TEXT} characters; this has {len(text)}")


@lru_cache(maxsize=64)
def _checking(types: frozenset[tuple[str, str]]) -> cel.Env:
    """The library's surroundings for texts with names of these types. They are not cheap."""
    return cel.NewEnv(variables={name: _TYPES[kind] for name, kind in types}, functions=_FUNCTIONS)


def _check(text: str, types: Mapping[str, str]) -> cel.Expression:
    _bounded(text)
    changes = [(null, null + len("null"), "dyn(null)") for null in _nulls(text)]
    return _checking(frozenset(types.items())).compile(_replaced(text, changes))


@lru_cache(maxsize=1)
def _running() -> cel.Env:
    """What all programs run in. A fact stands in a slot, `fact_0_` for any value and `time_0_` for
    a date, for each set of names would need surroundings of its own, of 130 kB."""
    slots = range(MAX_FACTS)
    return cel.NewEnv(
        variables={f"fact_{slot}_": cel.Type.DYN for slot in slots}
        | {f"time_{slot}_": cel.Type.TIMESTAMP for slot in slots},
        functions=_FUNCTIONS,
    )


def check(text: str, types: Mapping[str, str]) -> tuple[tuple[Fault, ...], str]:
    """What is wrong with an expression whose names have these types (`text`, `timestamp`,
    `texts`, `dyn`), and the name of its result's type, empty where there are faults."""
    try:
        return (), _check(text, types).return_type().name()
    except RuleError as error:
        return (Fault(0, error.message),), ""
    except Exception as error:  # noqa: BLE001 - each is a finding: it is told, not hidden
        return _faults(text, str(error) or type(error).__name__), ""


def _faults(text: str, message: str) -> tuple[Fault, ...]:
    if _DEEP.search(message):
        return (Fault(0, "the expression is nested too deeply"),)
    nulls = _nulls(text)
    lines = [0, *(match.end() for match in re.finditer("\n", text))]
    found = []
    for line, column, said in _PLACE.findall(message):
        start = lines[min(int(line), len(lines)) - 1] + int(column) - 1
        shift = sum(1 for number, null in enumerate(nulls) if null + 5 * number < start)
        found.append(Fault(max(start - 5 * shift, 0), said.removesuffix(" [INVALID_ARGUMENT]")))
    return tuple(found) or (Fault(0, message.splitlines()[0]),)


class Program:
    """An expression ready to run; one compiled form for each set of facts that are dates, for
    the library takes dates only where they are declared."""

    __slots__ = ("_facts", "_forms", "_surrounded", "text")

    def __init__(self, text: str) -> None:
        _bounded(text)
        loop = refused_loop(tokens(text))
        if loop is not None:
            raise RuleError(f"{loop.text}() is not allowed")
        taken = next((token.text for token in tokens(text) if _SLOT.match(token.text)), None)
        if taken is not None:
            raise RuleError(f"the name '{taken}' is not allowed")
        self.text = text
        self._facts = facts_of(text)
        if len(self._facts) > MAX_FACTS:
            raise RuleError(f"an expression reads at most {MAX_FACTS} names")
        self._forms: dict[tuple[int, ...], cel.Expression] = {}
        self._surrounded = any(token.text in _SURROUNDED for token in tokens(text))
        self._form(())

    def values(self, facts: Facts) -> dict[str, object]:
        """The facts it reads, by name, for traces and errors."""
        shown: dict[str, object] = {}
        for path in self._facts:
            try:
                shown[".".join(path)] = read(facts, path)
            except RuleError as error:
                shown[".".join(path)] = f"({error.message})"
        return shown

    def run(self, facts: Facts) -> object:
        """The value; raises RuleError with the values read."""
        try:
            return self._run(facts)
        except RuleError as error:
            raise RuleError(
                error.message, values=self.values(facts), source=error.source
            ) from error

    def _run(self, facts: Facts) -> object:
        data: dict[str, object] = {}
        dates: dict[int, date] = {}
        for slot, path in enumerate(self._facts):
            value = read(facts, path)
            if type(value) in _PLAIN and not (type(value) is str and _NUL in value):
                data[f"fact_{slot}_"] = value
            elif isinstance(value, date):
                dates[slot] = value
                data[f"time_{slot}_"] = _moment(value, facts)
            else:
                data[f"fact_{slot}_"] = plain(value)
        result = self._evaluate(data, tuple(dates), facts)
        return _given(result, data, dates)

    def _evaluate(self, data: Mapping[str, object], dates: tuple[int, ...], facts: Facts) -> object:
        form = self._forms.get(dates) or self._form(dates)
        if not self._surrounded:
            return _evaluated(form, data)
        settings = facts.get("settings")
        token = surroundings.set(
            Surroundings(
                str(facts.get("timezone") or "UTC"),
                _numbers(settings) if isinstance(settings, Mapping) else {},
            )
        )
        try:
            return _evaluated(form, data)
        finally:
            surroundings.reset(token)

    def _form(self, dates: tuple[int, ...]) -> cel.Expression:
        try:
            form = self._forms[dates] = _running().compile(self._slotted(dates))
        except Exception as error:
            types = {
                ".".join(path): "timestamp" if slot in dates else "dyn"
                for slot, path in enumerate(self._facts)
            }
            told = check(self.text, types)[0] or _faults(self.text, str(error))
            raise RuleError(f"{told[0].message} (at character {told[0].start + 1})") from error
        return form

    def _slotted(self, dates: tuple[int, ...]) -> str:
        """The text with each fact it names replaced by its slot."""
        changes = [(null, null + len("null"), "dyn(null)") for null in _nulls(self.text)]
        slots = {path: slot for slot, path in enumerate(self._facts)}
        for chain in rooted(self.text):
            size = min(depth(chain.parts), len(chain.parts))
            slot = slots[chain.parts[:size]]
            end = chain.starts[size - 1] + len(chain.parts[size - 1])
            changes.append((chain.start, end, f"{'time' if slot in dates else 'fact'}_{slot}_"))
        return _replaced(self.text, changes)


@lru_cache(maxsize=8192)
def program(text: str) -> Program:
    """The program of a text, compiled once. Raises RuleError where CEL cannot read it."""
    return Program(text)


def _evaluated(form: cel.Expression, data: Mapping[str, object]) -> object:
    try:
        return _value(form.eval(data=data))
    except RuleError:
        raise
    except Exception as error:  # whatever the library raises, it is no answer
        raise RuleError(_said(str(error)) or type(error).__name__) from error


def _value(result: cel.Value) -> object:
    if result.type() == cel.Type.ERROR:
        raise RuleError(_said(str(result.value())))
    if result.type() == cel.Type.UNKNOWN:
        raise RuleError("the expression's value is unknown")
    return result.plain_value()


def _said(message: str) -> str:
    """The library's words for a person: which operator met which kinds of value."""
    found = _NO_OVERLOAD.search(message)
    if found is None:
        return _STATUS.sub("", _CODE.sub("", message))
    operator = found[1].strip("_") or found[1]
    kinds = found[2].replace("null_type", "null").replace("int64", "int")
    return f"{operator} does not take ({kinds})"


def _moment(value: date, facts: Facts) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime(
        value.year, value.month, value.day, tzinfo=zone(str(facts.get("timezone") or "UTC"))
    )


def plain(value: object) -> object:
    """A fact as CEL takes it: decimals as doubles, dates inside maps and lists as text."""
    if isinstance(value, str):
        return _readable(value)
    if isinstance(value, bool) or type(value) in _PLAIN:
        return value
    if isinstance(value, int):
        return value if _MIN_INT <= value <= _MAX_INT else float(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return text_of_date(value)
    if isinstance(value, Mapping):
        return {_readable(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
    raise RuleError(f"a {type(value).__name__} cannot be read in an expression")


def _readable(text: str) -> str:
    """The library would end a text there, and compare what is left."""
    if _NUL in text:
        raise RuleError("a text with the character U+0000 cannot be read in an expression")
    return str(text)


def _numbers(settings: Mapping[str, object]) -> dict[str, object]:
    return {name: plain(value) for name, value in settings.items()}


def text_of_date(value: date) -> str:
    """`YYYY-MM-DD`, or RFC 3339 in UTC."""
    if not isinstance(value, datetime):
        return value.isoformat()
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _given(result: object, data: Mapping[str, object], dates: Mapping[int, date]) -> object:
    """A result as the rest of the engine has it: decimals, aware times, `CLEAR`."""
    if result is None or isinstance(result, bool | str | int):
        return result
    if isinstance(result, datetime):
        return _same_date(result, data, dates)
    if result == CLEAR_MARK:
        return CLEAR
    if isinstance(result, float):
        return _decimal(result)
    if isinstance(result, list):
        return [_given(inner, data, dates) for inner in result]
    if isinstance(result, dict):
        return {key: _given(inner, data, dates) for key, inner in result.items()}
    kind = "a length of time" if isinstance(result, timedelta) else type(result).__name__
    raise RuleError(f"the result is {kind}, which is no value to use")


def _same_date(result: datetime, data: Mapping[str, object], dates: Mapping[int, date]) -> date:
    """A day that went in comes out as that day, whatever the time zone."""
    return next((day for slot, day in dates.items() if data[f"time_{slot}_"] == result), result)


def _decimal(result: float) -> Decimal:
    if result != result or result in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN
        raise RuleError("the result is not a number")
    if result.is_integer() and abs(result) < _EXACT_WHOLE:
        return Decimal(int(result))
    return Decimal(repr(result))
