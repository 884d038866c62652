"""YAML text → plain values, with the place of every node. YAML 1.2 core; duplicate keys, aliases
and tags are refused, and so is what is too long or too deep, before it costs anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from rules.engine.model import Finding

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 32
MOST_FINDINGS = 1000  # of YAML, in one file
# A number that begins with 0, or is octal or hexadecimal, is text: it is somebody's number for
# something, or was meant otherwise by YAML 1.1.
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]+|(?<=[0-9])\.?)([eE][-+]?[0-9]{1,2})?\Z")
_WORDS: Mapping[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_ESCAPES = {"x": 4, "u": 6, "U": 10}
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML's marks count as lines
_HELP = {
    "'\\t'": "indent with spaces, not with tabs",
    "mapping values are not allowed": "quote a text that holds ': '",
}
_HALF = re.compile("[\ud800-\udfff]")
_DIGITS = 40  # of a number; what is longer is text, and costs nothing to convert


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node stands: line and column from 1, its length in characters on that line; `style`
    is the quote or block sign of a scalar, empty for a plain one; `indent` of block text."""

    line: int
    column: int
    length: int
    style: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A read file. `spans` are the values' places, `keys` those of the keys that lead to them."""

    path: str
    lines: tuple[str, ...]
    value: object = None
    spans: Mapping[str, Span] = field(default_factory=dict)
    keys: Mapping[str, Span] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    def span(self, place: str, *, key: bool = False) -> Span:
        """The place's own span, or that of the nearest thing around it."""
        table = self.keys if key else self.spans
        while place:
            found = table.get(place) or self.spans.get(place)
            if found is not None:
                return found
            place = (
                re.sub(r"(\.[^.\[]*|\[\d+\])\Z", "", place) if "." in place or "[" in place else ""
            )
        return Span(1, 1, 1)

    def locate(self, place: str, offset: int) -> tuple[int, int]:
        """Line and column of the character at `offset` of a scalar's value."""
        span = self.span(place)
        return _walk(self.lines, span, offset)


def lines_of(text: str) -> tuple[str, ...]:
    """The lines as findings count them."""
    return tuple(_BREAK.split(text))


def read(text: str, path: str) -> Document:
    """The document of a text. What cannot be read at all is a finding, never an exception."""
    if len(text) > MAX_CHARACTERS:
        said = f"a rule file has at most {MAX_CHARACTERS:,} characters; this has {len(text):,}"
        return Document(path, ("",), findings=(Finding("R008", "error", path, 1, 1, 1, said),))
    lines = lines_of(text)
    reader = _Reader(path)
    try:
        value = reader.document(YAML(typ="safe", pure=True).parse(text))
    except _TooMuch:
        return Document(path, lines, findings=tuple(reader.findings))
    except MarkedYAMLError as error:
        return Document(path, lines, findings=(_yaml_error(path, error), *reader.findings))
    except ReaderError as error:
        return Document(path, lines, findings=(_bad_character(path, text, error),))
    except (YAMLError, ValueError) as error:
        message = str(error).splitlines()[0] if str(error) else "this is not YAML"
        return Document(path, lines, findings=(Finding("R001", "error", path, 1, 1, 1, message),))
    return Document(path, lines, value, reader.spans, reader.keys, tuple(reader.findings))


def _yaml_error(path: str, error: MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    message = str(error.problem or error.context or "this is not YAML")
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    help = next((said for sign, said in _HELP.items() if sign in message), "")
    return Finding("R001", "error", path, line, column, 1, message, help)


def _bad_character(path: str, text: str, error: ReaderError) -> Finding:
    before = lines_of(text[: error.position])
    said = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
    return Finding("R001", "error", path, len(before), len(before[-1]) + 1, 1, said)


class _TooMuch(Exception):
    """A fault behind which reading on has no use: it has been told."""


class _Reader:
    """Walks the parser's events once, keeping places and findings. It builds no tree of nodes, so
    that nothing hostile is followed any further than it may go."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.spans: dict[str, Span] = {}
        self.keys: dict[str, Span] = {}
        self.findings: list[Finding] = []

    def document(self, events: Iterator[object]) -> object:
        value: object = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse("R009", _span(event), "a rule file is one document, without ---")
                    raise _TooMuch
            elif isinstance(event, NodeEvent):
                value = self._node(event, events, "", 0)
        return value

    def _node(self, event: object, events: Iterator[object], place: str, depth: int) -> object:
        span = self.spans[place] = _span(event)
        if isinstance(event, AliasEvent):
            self._refuse("R003", span, "aliases are not allowed in rules")
            return None
        if depth > MAX_DEPTH:
            self._refuse("R008", span, f"nested more than {MAX_DEPTH} deep")
            raise _TooMuch
        if getattr(event, "anchor", None):
            self._refuse("R003", span, "anchors are not allowed in rules")
        if tag := getattr(event, "tag", None):
            said = str(tag).replace("tag:yaml.org,2002:", "!!")
            self._refuse("R004", span, f"the tag {said} is not allowed in rules")
        if isinstance(event, MappingStartEvent):
            return self._mapping(events, place, depth)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(events, place, depth)
        return self._text(span) if span.style else plain_scalar(span.value)

    def _text(self, span: Span) -> str:
        """Quoted text; halves of a character, as JSON escapes them, are put together."""
        if not _HALF.search(span.value):
            return span.value
        try:
            return span.value.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._refuse("R001", span, "a \\u escape here is half a character")
            return ""

    def _sequence(self, events: Iterator[object], place: str, depth: int) -> list[object]:
        result: list[object] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            result.append(self._node(event, events, f"{place}[{len(result)}]", depth + 1))
        return result

    def _mapping(self, events: Iterator[object], place: str, depth: int) -> dict[str, object]:
        result: dict[str, object] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            span = _span(event)
            if not isinstance(event, ScalarEvent):
                self._refuse("R004", span, "a key is a word, not a list, a map or an alias")
                self._skip(event, events, depth)
                self._skip(next(events), events, depth)
                continue
            key = self._text(span)
            inner = f"{place}.{key}" if place else key
            if key in result:
                self._refuse("R002", span, f"'{key}' stands here twice")
                self._skip(next(events), events, depth)
                continue
            self.keys[inner] = span
            result[key] = self._node(next(events), events, inner, depth + 1)
        return result

    def _skip(self, event: object, events: Iterator[object], depth: int) -> None:
        """Reads past a node whose place is another's or none, without keeping it."""
        aside = _Reader(self.path)
        try:
            aside._node(event, events, "", depth + 1)
        finally:
            self.findings += aside.findings

    def _refuse(self, code: str, span: Span, message: str) -> None:
        if len(self.findings) >= MOST_FINDINGS:
            raise _TooMuch
        self.findings.append(
            Finding(code, "error", self.path, span.line, span.column, span.length, message)
        )


def plain_scalar(text: str) -> object:
    """An unquoted scalar as YAML 1.2 core reads it; numbers with a point are decimals."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _DIGITS:
        return text
    if _WHOLE.match(text):
        return int(text)
    return Decimal(text) if _DECIMAL.match(text) else text


def _span(event: object) -> Span:
    start, end = getattr(event, "start_mark"), getattr(event, "end_mark")  # noqa: B009 - untyped
    value = str(event.value) if isinstance(event, ScalarEvent) else ""
    style = str(event.style or "") if isinstance(event, ScalarEvent) else ""
    length = end.column - start.column if end.line == start.line else 1
    return Span(start.line + 1, start.column + 1, max(length, 1), style, value)


def _walk(lines: tuple[str, ...], span: Span, offset: int) -> tuple[int, int]:
    """Follows the value's characters through the source: quotes, escapes, folds and indents."""
    line, column = span.line - 1, span.column - 1
    if span.style in ("|", ">"):
        line, column = line + 1, 0
    elif span.style:
        column += 1
    for letter in span.value[:offset]:
        line, column = _skip(lines, line, column, letter)
        column += _width(lines[line], column, span.style) if column < len(lines[line]) else 0
    line, column = _skip(lines, line, column, span.value[offset : offset + 1])
    return line + 1, column + 1


def _skip(lines: tuple[str, ...], line: int, column: int, letter: str) -> tuple[int, int]:
    """On to the next line with text, where this one has ended and the value goes on."""
    if letter and not letter.isspace():
        while line < len(lines) - 1 and not lines[line][column:].strip():
            line, column = line + 1, 0
        if not lines[line][:column].strip():
            column = max(column, len(lines[line]) - len(lines[line].lstrip()))
    return line, column


def _width(line: str, column: int, style: str) -> int:
    """How many characters of source stand for one character of value."""
    if style == '"' and line[column] == "\\":
        return _ESCAPES.get(line[column + 1 : column + 2], 2)
    return 2 if style == "'" and line[column : column + 2] == "''" else 1
