"""CEL text cut into tokens: what the engine has to know of an expression before CEL reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<string>[rR]?[bB]?[rR]?(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''
        |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
  | (?P<number>0[xX][0-9a-fA-F]+[uU]?|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?[uU]?|\.\d+(?:[eE][+-]?\d+)?)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<op>&&|\|\||==|!=|<=|>=|[-+*/%<>!?:.,()\[\]{}])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
MAX_TEXT = 1000  # characters of an expression
_OPEN = {"(": ")", "[": "]", "{": "}"}
ROOTS = ("event", "item", "account", "contact", "steps", "failure", "now")
LOOPS = ("all", "exists")
REFUSED_LOOPS = ("map", "filter", "exists_one", "existsOne")


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class Chain:
    """A name with its selectors: `item.owner.email` at `start`. `first` and `last` are the tokens
    it covers; a method call's name is not part of it."""

    parts: tuple[str, ...]
    starts: tuple[int, ...]
    first: int
    last: int
    called: bool

    @property
    def text(self) -> str:
        return ".".join(self.parts)

    @property
    def start(self) -> int:
        return self.starts[0]


def scan(text: str, start: int = 0) -> Iterator[Token]:
    """The tokens from `start` on, white space and comments left out; no further than an expression
    may be long, for a text that opens and closes nothing could be read for ever."""
    position, end = start, min(len(text), start + MAX_TEXT + 1)
    while position < end:
        match = _TOKEN.match(text, position, end)
        if match is None or match.lastgroup is None:
            return
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match.group(), position)
        position = match.end()


@lru_cache(maxsize=1024)
def tokens(text: str) -> tuple[Token, ...]:
    return tuple(scan(text))


def closing_brace(text: str, start: int) -> int | None:
    """Where the `}` stands that ends an expression beginning at `start`; strings and nested
    braces are respected."""
    depth = 0
    for token in scan(text, start):
        if token.text == "{":
            depth += 1
        elif token.text == "}":
            if depth == 0:
                return token.start
            depth -= 1
    return None


@lru_cache(maxsize=1024)
def chains(text: str) -> tuple[Chain, ...]:
    """Every name in the expression with its selectors, those of loops left out."""
    found = tokens(text)
    local = loop_names(found)
    result = []
    for index, token in enumerate(found):
        if token.kind != "name" or token.text in local or _is_selector(found, index):
            continue
        result.append(_chain(found, index))
    return tuple(result)


def _is_selector(found: Sequence[Token], index: int) -> bool:
    return index > 0 and found[index - 1].text == "."


def _chain(found: Sequence[Token], index: int) -> Chain:
    parts, last = [found[index]], index
    while last + 2 < len(found) and found[last + 1].text == "." and found[last + 2].kind == "name":
        parts.append(found[last + 2])
        last += 2
    called = last + 1 < len(found) and found[last + 1].text == "("
    if called and len(parts) > 1:
        parts.pop()
        last -= 2
        called = False
    return Chain(
        tuple(part.text for part in parts),
        tuple(part.start for part in parts),
        index,
        last,
        called,
    )


def loop_names(found: Sequence[Token]) -> frozenset[str]:
    """The names that `exists(x, …)` and `all(x, …)` bind."""
    return frozenset(
        found[index + 2].text
        for index, token in enumerate(found[:-3])
        if token.text in (*LOOPS, *REFUSED_LOOPS)
        and _is_selector(found, index)
        and found[index + 1].text == "("
        and found[index + 2].kind == "name"
        and found[index + 3].text == ","
    )


def refused_loop(found: Sequence[Token]) -> Token | None:
    """The first call that builds a list or counts through one, which rules may not."""
    return next(
        (
            token
            for index, token in enumerate(found[:-1])
            if token.text in REFUSED_LOOPS
            and found[index + 1].text == "("
            and _is_selector(found, index)
        ),
        None,
    )


@lru_cache(maxsize=1024)
def clauses(text: str) -> tuple[tuple[int, str], ...]:
    """The parts joined by `&&` at the top level, each with its place; one where there is an
    `||` or `?` beside them, which bind less tightly."""
    depth, cuts = 0, []
    for token in tokens(text):
        if token.text in _OPEN:
            depth += 1
        elif token.text in _OPEN.values():
            depth -= 1
        elif depth == 0 and token.text in ("||", "?"):
            return ((0, text),)
        elif depth == 0 and token.text == "&&":
            cuts.append(token)
    starts = [0, *(cut.end for cut in cuts)]
    ends = [*(cut.start for cut in cuts), len(text)]
    parts = [(start, text[start:end]) for start, end in zip(starts, ends, strict=True)]
    return tuple((start + len(part) - len(part.lstrip()), part.strip()) for start, part in parts)


def literal(token: Token) -> str | None:
    """The text of a plain string token; None where it has escapes or is bytes."""
    text = token.text
    if token.kind != "string" or text[0] not in "\"'" or "\\" in text:
        return None
    if text[:3] in ('"""', "'''"):
        return text[3:-3]
    return text[1:-1]
