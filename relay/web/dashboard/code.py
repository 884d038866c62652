"""Documents and rules as coloured lines: escaped, numbered, one by one."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal

import orjson
from markupsafe import Markup
from pygments.lexer import Lexer
from pygments.lexers.data import JsonLexer, YamlLexer
from pygments.token import Comment, Keyword, Literal, Name, Number, String, _TokenType

_CLASSES = (
    (Name.Tag, "nt"),
    (Comment, "c"),
    (Number, "m"),
    (Literal.Number, "m"),
    (Keyword, "kc"),
    (String, "s"),
    (Literal, "s"),
)
LARGEST = 100_000  # characters; a page is no place for more


def json_lines(value: object) -> list[Markup]:
    """Any value as indented JSON."""
    return _lines(JsonLexer(), pretty(value))


def yaml_lines(text: str) -> list[Markup]:
    return _lines(YamlLexer(), text)


def own_lines(text: str, first: int) -> list[str]:
    """The lines of a YAML block that begins at line `first`: as far as it is indented."""
    lines = text.split("\n")[first - 1 :]
    if not lines:
        return []
    depth = _indent(lines[0])
    end = next(
        (n for n, line in enumerate(lines) if n and line.strip() and _indent(line) <= depth),
        len(lines),
    )
    return "\n".join(lines[:end]).rstrip().split("\n")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def text_lines(text: str) -> list[Markup]:
    """A document as it came: coloured when it is JSON."""
    try:
        return json_lines(orjson.loads(text))
    except orjson.JSONDecodeError:
        return [Markup.escape(line) for line in text[:LARGEST].splitlines()]


def pretty(value: object) -> str:
    return orjson.dumps(
        value, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    ).decode()[:LARGEST]


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return dict(value)
        case _:
            return str(value)


def _lines(lexer: Lexer, text: str) -> list[Markup]:
    lines: list[list[str]] = [[]]
    for kind, value in lexer.get_tokens(text):
        for number, part in enumerate(value.split("\n")):
            if number:
                lines.append([])
            if part:
                lines[-1].append(_span(kind, part))
    while lines and not "".join(lines[-1]).strip():
        lines.pop()
    return [Markup("".join(line)) for line in lines]  # noqa: S704 - each part is escaped in _span


def _span(kind: _TokenType, text: str) -> str:
    escaped = Markup.escape(text)
    name = next((name for token, name in _CLASSES if kind[: len(token)] == token), "")
    return f'<span class="{name}">{escaped}</span>' if name else str(escaped)


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Every single value with its path, as rules write it."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{number}]")
    else:
        yield path, value
