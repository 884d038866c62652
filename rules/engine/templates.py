"""`${…}` in values. A whole value keeps its type; a single path never passes through CEL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from rules.engine.errors import RuleError
from rules.engine.expr import CLEAR, Clear, program, text_of_date
from rules.engine.lexer import MAX_TEXT, closing_brace
from rules.engine.names import Facts, as_path

MAX_CHARACTERS, MAX_BLANKS = 20_000, 100
Fill = Callable[[Facts], object]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a template: literal text, or an expression and where its text starts."""

    text: str
    start: int
    is_expression: bool


@lru_cache(maxsize=1024)
def parts(text: str) -> tuple[Part, ...]:
    """The template's pieces; raises RuleError where a `${` is not closed or is empty."""
    if len(text) > MAX_CHARACTERS or text.count("${") > MAX_BLANKS:
        raise RuleError(
            f"a text with blanks has at most {MAX_BLANKS} of them in {MAX_CHARACTERS} characters"
        )
    return tuple(_parts(text))


def _parts(text: str) -> Iterator[Part]:
    literal, position = "", 0
    while True:
        opening = text.find("${", position)
        if opening < 0:
            literal += text[position:]
            break
        if opening > 0 and text[opening - 1] == "$":
            literal += text[position : opening - 1] + "${"
            position = opening + 2
            continue
        literal += text[position:opening]
        if literal:
            yield Part(literal, position, is_expression=False)
        closing = closing_brace(text, opening + 2)
        if closing is None:
            within = f" within {MAX_TEXT} characters" if len(text) > opening + MAX_TEXT else ""
            raise RuleError(f"the `${{` at character {opening + 1} is not closed{within}")
        yield _expression(text, opening + 2, closing)
        literal, position = "", closing + 1
    if literal:
        yield Part(literal, position, is_expression=False)


def _expression(text: str, start: int, end: int) -> Part:
    inner = text[start:end]
    if not inner.strip():
        raise RuleError(f"the `${{}}` at character {start - 1} is empty")
    lead = len(inner) - len(inner.lstrip())
    return Part(inner.strip(), start + lead, is_expression=True)


def whole(text: str) -> str | None:
    """The expression where the value is one `${…}` and nothing else."""
    found = parts(text) if "${" in text else ()
    return found[0].text if len(found) == 1 and found[0].is_expression else None


class Filling:
    """A step's `with` on its way to values. It is compiled when it is first worked out, for of
    many rules few run; the lint has told by then what cannot be read."""

    __slots__ = ("_fill", "_params")

    def __init__(self, params: Mapping[str, object]) -> None:
        self._params = params
        self._fill: Fill | None = None

    def __call__(self, facts: Facts) -> object:
        if self._fill is None:
            self._fill = compile_value(self._params, "with")
        return self._fill(facts)


def compile_value(value: object, place: str) -> Fill:
    """A function from facts to the value with its `${…}` replaced. Errors carry `place`."""
    if isinstance(value, str):
        return _text(value, place) if "${" in value else _constant(value)
    if isinstance(value, Mapping):
        return _mapping(value, place)
    if isinstance(value, list | tuple):
        return _list(value, place)
    return _constant(value)


def _constant(value: object) -> Fill:
    return lambda _facts: value


def _mapping(value: Mapping[str, object], place: str) -> Fill:
    fills = tuple(
        (str(key), compile_value(inner, f"{place}.{key}")) for key, inner in value.items()
    )

    def fill(facts: Facts) -> object:
        result = {}
        for key, inner in fills:
            found = inner(facts)
            if found is not None:
                result[key] = found
        return result

    return fill


def _list(value: Sequence[object], place: str) -> Fill:
    fills = tuple(compile_value(inner, f"{place}[{index}]") for index, inner in enumerate(value))
    return lambda facts: [inner(facts) for inner in fills]


def _text(text: str, place: str) -> Fill:
    found = _parts_at(text, place)
    if len(found) == 1 and found[0].is_expression:
        return _expression_fill(found[0].text, place)
    if all(not part.is_expression for part in found):
        return _constant("".join(part.text for part in found))
    pieces = tuple(
        _inside_text(part.text, place) if part.is_expression else _constant(part.text)
        for part in found
    )
    return lambda facts: "".join([str(piece(facts)) for piece in pieces])


def _parts_at(text: str, place: str) -> tuple[Part, ...]:
    try:
        return parts(text)
    except RuleError as error:
        raise RuleError(error.message, place=place) from error


def _expression_fill(text: str, place: str) -> Fill:
    path = as_path(text)
    reader: Fill = path.read if path else _program_at(text, place)
    source = path.text if path else text

    def fill(facts: Facts) -> object:
        try:
            return reader(facts)
        except RuleError as error:
            raise RuleError(
                error.message,
                place=place,
                values=error.values,
                source=error.source or source,
            ) from error

    return fill


def _program_at(text: str, place: str) -> Fill:
    try:
        return program(text).run
    except RuleError as error:
        raise RuleError(error.message, place=place, source=text) from error


def _inside_text(text: str, place: str) -> Fill:
    inner = _expression_fill(text, place)

    def fill(facts: Facts) -> object:
        value = inner(facts)
        shown = as_text(value)
        if shown is None:
            raise RuleError(_no_text(value, text), place=place, source=text)
        return shown

    return fill


def _no_text(value: object, text: str) -> str:
    if value is None:
        return f'{text} is empty inside text; give a default: ${{{text} == null ? "none" : {text}}}'
    return f"{text} is a {type(value).__name__}, which has no text form"


def as_text(value: object) -> str | None:
    """A value inside text; None where it has no form as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, date):
        return text_of_date(value)
    return None


__all__ = ["CLEAR", "Clear", "Fill", "Part", "as_text", "compile_value", "parts", "whole"]
