"""Documents and rules as coloured lines: escaped, numbered, one by one."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

import orjson
from markupsafe import Markup
from pygments.lexer import Lexer
from pygments.lexers.data import JsonLexer, YamlLexer
from pygments.token import Comment, Keyword, Literal, Name, Number, String

from relay.core import exact_json

_CLASSES = (
    (Name.Tag, "nt"),
    (Comment, "c"),
    (Number, "m"),
    (Literal.Number, "m"),
    (Keyword, "kc"),
    (String, "s"),
    (Literal, "s"),
)
# orjson writes no decimals: they go through it as marked texts, and come out of their quotes.
_MARK = "\x01"
_EXACT = re.compile(r'"\\u0001(-?[0-9][0-9.Ee+-]*)"')
LARGEST = 100_000  # characters; a page is no place for more


def json_lines(value: object) -> list[Markup]:
    """Any value as indented JSON."""
    return _lines(JsonLexer(), pretty(value))


def yaml_lines(text: str) -> list[Markup]:
    return _lines(YamlLexer(), text)


def text_lines(text: str) -> list[Markup]:
    """A document as it came: coloured when it is JSON, its numbers exactly as they were sent."""
    try:
        return json_lines(exact_json.loads(text.encode()))
    except ValueError:
        return [Markup.escape(line) for line in text[:LARGEST].splitlines()]


def pretty(value: object) -> str:
    """Indented JSON; decimals keep their places."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    text = orjson.dumps(value, default=_plain, option=options).decode()
    return _EXACT.sub(r"\1", text)[:LARGEST]


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return f"{_MARK}{value}"
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return dict(value)
        case _:
            return str(value)


def _lines(lexer: Lexer, text: str) -> list[Markup]:
    lines: list[list[tuple[str, str]]] = [[]]
    for kind, value in lexer.get_tokens(text):
        name = next((name for token, name in _CLASSES if kind[: len(token)] == token), "")
        for number, part in enumerate(value.split("\n")):
            if number:
                lines.append([])
            line = lines[-1]
            if part and line and line[-1][0] == name:
                line[-1] = (name, line[-1][1] + part)
            elif part:
                line.append((name, part))
    while lines and not "".join(text for _, text in lines[-1]).strip():
        lines.pop()
    return [Markup().join(_span(*part) for part in line) for line in lines]


def _span(name: str, text: str) -> Markup:
    return Markup('<span class="{}">{}</span>').format(name, text) if name else Markup.escape(text)
