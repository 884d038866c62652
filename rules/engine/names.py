"""The facts an expression may name, and how each is read: absent records are null, not a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from rules.engine.errors import RuleError
from rules.engine.lexer import ROOTS, Chain, chains, literal, tokens

Facts = Mapping[str, object]
Segment = str | int
_RECORDS = frozenset({"item", "account", "contact"})
_LISTS = frozenset({"emails"})
_DATA_DEPTH = 3
_OUTPUT_DEPTH = 4


def depth(parts: Sequence[str]) -> int:
    """How many parts of a chain name one fact; what follows is selected from its value."""
    if parts[0] == "now":
        return 1
    if parts[0] == "steps":
        return _OUTPUT_DEPTH
    if tuple(parts[:2]) == ("event", "data"):
        return _DATA_DEPTH
    return 2


@lru_cache(maxsize=1024)
def facts_of(text: str) -> tuple[tuple[str, ...], ...]:
    """The facts an expression reads, each once, in order."""
    found = [chain.parts[: depth(chain.parts)] for chain in rooted(text)]
    return tuple(dict.fromkeys(found))


def rooted(text: str) -> list[Chain]:
    """The chains of an expression that begin with a record, an event, a step or the like."""
    return [chain for chain in chains(text) if chain.parts[0] in ROOTS and not chain.called]


def read(facts: Facts, path: Sequence[str]) -> object:
    """A fact by its path. A record that is absent binds all its names as null, lists as `[]`;
    a name that a present record lacks is an error."""
    root = path[0]
    if root == "now":
        return facts["now"]
    if root == "steps":
        return _output(facts, path)
    record = facts.get(root)
    if root == "event" and len(path) == _DATA_DEPTH:
        record = record.get("data") if isinstance(record, Mapping) else None
    if not isinstance(record, Mapping):
        return [] if root in _RECORDS and path[-1] in _LISTS else None
    if len(path) == 1:
        return record
    if path[-1] in record:
        return record[path[-1]]
    if root in _RECORDS or len(path) == _DATA_DEPTH:
        raise RuleError(f"{'.'.join(path)} is not known", source=".".join(path))
    return None


def _output(facts: Facts, path: Sequence[str]) -> object:
    """What a step gave; null where it did not run or gave no such thing."""
    value: object = facts.get("steps")
    for name in path[1:]:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


class Path:
    """A fact and what is selected from it, read without CEL so that values keep their type."""

    __slots__ = ("base", "maybe", "otherwise", "rest", "text")

    def __init__(
        self,
        base: tuple[str, ...],
        rest: tuple[Segment, ...],
        *,
        maybe: bool,
        otherwise: str | None = None,
    ) -> None:
        self.base = base
        self.rest = rest
        self.maybe = maybe
        self.otherwise = otherwise
        self.text = _written(base, rest)

    def read(self, facts: Facts) -> object:
        value = read(facts, self.base)
        for segment in self.rest:
            found, value = _select(value, segment)
            if not found:
                if self.maybe and (value is None or segment == self.rest[-1]):
                    return None
                raise RuleError(_lacking(value, segment), source=self.text)
        return self.otherwise if value is None else value


def _select(value: object, segment: Segment) -> tuple[bool, object]:
    """Found, and the value selected; else not, and the value that lacks it."""
    if isinstance(value, Mapping):
        return (True, value[segment]) if segment in value else (False, value)
    if isinstance(value, list | tuple) and isinstance(segment, int) and segment < len(value):
        return True, value[segment]
    return False, value


def _lacking(value: object, segment: Segment) -> str:
    if value is None:
        return f"there is no {segment!r} in an empty value; test it with `!= null`"
    if isinstance(value, Mapping):
        return f"there is no {segment!r} in it; test it with has(…)"
    return f"{segment!r} cannot be selected from {type(value).__name__}"


def _written(base: tuple[str, ...], rest: tuple[Segment, ...]) -> str:
    text = ".".join(base)
    for segment in rest:
        plain = isinstance(segment, str) and segment.isidentifier()
        text += (
            f".{segment}"
            if plain
            else f'["{segment}"]'
            if isinstance(segment, str)
            else f"[{segment}]"
        )
    return text


@lru_cache(maxsize=1024)
def as_path(text: str) -> Path | None:
    """The path that an expression is, if it is nothing else: `item.amount`,
    `event.data.fields["Company Size"]`, one that may be absent: `has(a.b) ? a.b : null` and
    `"c d" in a.b ? a.b["c d"] : null`, or one with a text for the empty value:
    `a.b == null ? 'none' : a.b`."""
    found = [token.text for token in tokens(text)]
    if found[-1:] != ["null"] and "?" in found:
        return _with_default(text, found)
    if found[-2:] == [":", "null"] and "?" in found:
        cut = found.index("?")
        wanted = found[cut + 1 : -2]
        if found[:cut] in (["has", "(", *wanted, ")"], _membership(wanted)):
            return _simple(text, tokens(text)[cut + 1].start, tokens(text)[-2].start, maybe=True)
        return None
    return _simple(text, 0, len(text), maybe=False)


def _with_default(text: str, found: Sequence[str]) -> Path | None:
    cut = found.index("?")
    wanted = found[cut + 3 :]
    if found[cut + 2 : cut + 3] != [":"] or found[:cut] != [*wanted, "==", "null"]:
        return None
    given, start = tokens(text)[cut + 1], tokens(text)[cut + 3].start
    path, otherwise = _simple(text, start, len(text), maybe=False), literal(given)
    if path is None or otherwise is None:
        return None
    return Path(path.base, path.rest, maybe=False, otherwise=otherwise)


def _membership(wanted: Sequence[str]) -> list[str]:
    """`a.b["c"]` → `"c" in a.b`, as tokens."""
    if len(wanted) > len("[]") and wanted[-1] == "]":
        return [wanted[-2], "in", *wanted[:-3]]
    return []


def _simple(text: str, start: int, end: int, *, maybe: bool) -> Path | None:
    part = text[start:end].strip()
    chain = next(iter(chains(part)), None)
    found = tokens(part)
    if chain is None or chain.first != 0 or chain.called or chain.parts[0] not in ROOTS:
        return None
    size = depth(chain.parts)
    if len(chain.parts) < min(size, 2) and chain.parts[0] != "now":
        return None
    rest: list[Segment] = [*chain.parts[size:]]
    index = chain.last + 1
    while index < len(found):
        segment, index = _subscript(found[index : index + 3], index)
        if segment is None:
            return None
        rest.append(segment)
        while (
            index + 1 < len(found) and found[index].text == "." and found[index + 1].kind == "name"
        ):
            rest.append(found[index + 1].text)
            index += 2
    return Path(chain.parts[:size], tuple(rest), maybe=maybe)


def _subscript(found: Sequence[object], index: int) -> tuple[Segment | None, int]:
    texts = [getattr(token, "text", "") for token in found]
    if len(texts) != len("[0]") or texts[0] != "[" or texts[2] != "]":
        return None, index
    if texts[1].isdigit():
        return int(texts[1]), index + 3
    return literal(found[1]), index + 3  # type: ignore[arg-type]  # a Token, by the slice above


def optional_path(*segments: str) -> str:
    """The expression that reads a free-form value, null where it is absent: for mappings made by
    programs. The last segment may be any text."""
    base = segments[0] + "".join(
        f".{name}" if name.isidentifier() else f'["{name}"]' for name in segments[1:-1]
    )
    return f'"{segments[-1]}" in {base} ? {base}["{segments[-1]}"] : null'
