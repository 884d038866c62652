"""YAML text → plain values, with the place of every node. YAML 1.2 core; duplicate keys, aliases
and tags are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from rules.engine.model import Finding

_WHOLE = re.compile(r"[-+]?[0-9]+\Z")
_BASED = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_DECIMAL = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: Mapping[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_ESCAPES = {"x": 4, "u": 6, "U": 10}


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


def read(text: str, path: str) -> Document:
    """The document of a text. What cannot be read at all is a finding, never an exception."""
    lines = tuple(text.split("\n"))
    reader = _Reader(path)
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        value = reader.read(node, "") if node is not None else None
    except MarkedYAMLError as error:
        return Document(path, lines, findings=(_yaml_error(path, error), *reader.findings))
    except (YAMLError, ValueError, RecursionError) as error:
        message = str(error).splitlines()[0] if str(error) else "this is not YAML"
        return Document(path, lines, findings=(Finding("R001", "error", path, 1, 1, 1, message),))
    return Document(path, lines, value, reader.spans, reader.keys, tuple(reader.findings))


def _yaml_error(path: str, error: MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    message = str(error.problem or error.context or "this is not YAML")
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    aliased = "alias" in message
    return Finding(
        "R003" if aliased else "R001",
        "error",
        path,
        line,
        column,
        1,
        "aliases are not allowed in rules" if aliased else message,
    )


class _Reader:
    """Walks the composed nodes once, keeping places and findings."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.spans: dict[str, Span] = {}
        self.keys: dict[str, Span] = {}
        self.findings: list[Finding] = []
        self._seen: set[int] = set()

    def read(self, node: Node, place: str) -> object:
        self.spans[place] = _span(node)
        if id(node) in self._seen:
            self._refuse("R003", node, "aliases are not allowed in rules")
            return None
        self._seen.add(id(node))
        if node.anchor:
            self._refuse("R003", node, "anchors are not allowed in rules")
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            return [self.read(inner, f"{place}[{index}]") for index, inner in enumerate(node.value)]
        return self._scalar(node)

    def _mapping(self, node: MappingNode, place: str) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._refuse("R004", key_node, "a key is a word, not a list or a map")
                continue
            key = str(key_node.value)
            inner = f"{place}.{key}" if place else key
            if key in result:
                self._refuse("R002", key_node, f"'{key}' stands here twice")
                continue
            result[key] = None
            self.keys[inner] = _span(key_node)
            result[key] = self.read(value_node, inner)
        return result

    def _scalar(self, node: Node) -> object:
        text = str(node.value)
        tag = str(node.tag or "")
        if tag.startswith("!") or "python" in tag or tag.endswith((":binary", ":set", ":omap")):
            self._refuse("R004", node, f"the tag {tag} is not allowed in rules")
        if isinstance(node, ScalarNode) and node.style:
            return text
        return plain_scalar(text)

    def _refuse(self, code: str, node: Node, message: str) -> None:
        span = _span(node)
        self.findings.append(
            Finding(code, "error", self.path, span.line, span.column, span.length, message)
        )


def plain_scalar(text: str) -> object:
    """An unquoted scalar as YAML 1.2 core reads it; numbers with a point are decimals."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.match(text):
        return int(text)
    if _BASED.match(text):
        return int(text, 0)
    if _DECIMAL.match(text):
        return Decimal(text)
    return text


def _span(node: Node) -> Span:
    start, end = node.start_mark, node.end_mark
    length = end.column - start.column if end.line == start.line else 1
    value = str(node.value) if isinstance(node, ScalarNode) else ""
    style = str(node.style or "") if isinstance(node, ScalarNode) else ""
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
