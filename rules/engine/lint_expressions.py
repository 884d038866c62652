"""R2xx: expressions against the names, types and options they use."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rules.engine.errors import RuleError
from rules.engine.expr import check, program
from rules.engine.lexer import (
    MAX_TEXT,
    REFUSED_LOOPS,
    ROOTS,
    Chain,
    Token,
    chains,
    clauses,
    literal,
    loop_names,
    tokens,
)
from rules.engine.lint_names import is_unknown
from rules.engine.names import depth, facts_of
from rules.engine.scope import Scope
from rules.engine.talk import Place, did_you_mean

_ORDERING = ("<", "<=", ">", ">=")
_ARITHMETIC = ("+", "-", "*", "/", "%")
_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '\((.*)\)'")
_UNDECLARED = re.compile(r"undeclared reference to '(.+?)'")
_KINDS = (
    ("google.protobuf.Timestamp", "date"),
    ("google.protobuf.Duration", "length of time"),
    ("wrapper(string)", "text"),
    ("string", "text"),
    ("int", "whole number"),
    ("double", "number with a point"),
    ("null_type", "null"),
    ("bool", "true/false"),
)
_SYNTAX = (
    (re.compile(r"input '<EOF>'"), "the expression ends too early"),
    (re.compile(r"token recognition error at: '(.+?)'$"), "'{}' cannot be read here"),
    (re.compile(r"extraneous input '(.+?)' expecting"), "'{}' is too much here"),
    (re.compile(r"input '(.+?)'(?: expecting|$)"), "'{}' does not fit here"),
)


def check_condition(text: str, scope: Scope, at: Place) -> None:
    """An `if`: as any expression, and it gives true or false without settings."""
    for chain in chains(text) if len(text) <= MAX_TEXT else ():
        if chain.called and chain.parts[0] in ("setting", "null_to_clear"):
            at.say("R208", chain.start, len(chain.text), f"{chain.text}() stands only in `with`")
    kind = check_expression(text, scope, at)
    if kind and kind.lower() not in ("bool", "dyn"):
        at.say("R207", 0, len(text.strip()), f"an 'if' gives true or false, not {_kind(kind)}")


def check_expression(text: str, scope: Scope, at: Place) -> str:
    """Says what is wrong; gives the name of the result's type, empty where that is not known."""
    if len(text) > MAX_TEXT:
        at.say("R206", 0, 1, f"an expression has at most {MAX_TEXT} characters, not {len(text)}")
        return ""
    quote = next((t for t in tokens(text) if t.kind == "other" and t.text in "\"'"), None)
    if quote is not None:
        at.say("R200", quote.start, 1, "a text is not closed", _syntax_help(text, at))
        return ""
    before = len(at.talk.findings)
    _loops(text, at)
    told = {chain.text for chain in chains(text) if is_unknown(chain, scope, at)}
    _presence(text, at)
    _settings(text, scope, at)
    _options(text, scope, at)
    _empties(text, scope, at)
    types = {".".join(path): scope.kind(path) for path in facts_of(text)}
    faults, kind = check(text, types)
    errors = [found for found in at.talk.findings[before:] if found.severity == "error"]
    for fault in faults:
        _fault(text, fault.start, fault.message, (at, told, bool(errors)))
        if "Syntax error" in fault.message:
            break  # what comes behind it was read at the wrong place
    if not faults and not errors:
        _runs(text, at)
    return kind


def _runs(text: str, at: Place) -> None:
    """Compiled once more, as it will run: with every name dynamic."""
    try:
        program(text)
    except RuleError as error:
        at.say("R200", 0, len(text.strip()), error.message)


def _loops(text: str, at: Place) -> None:
    found = tokens(text)
    for index, token in enumerate(found):
        called = index + 1 < len(found) and found[index + 1].text == "("
        if token.text in REFUSED_LOOPS and called and found[index - 1].text == ".":
            at.say(
                "R204",
                token.start,
                len(token.text),
                f"{token.text}() is not allowed",
                "exists() and all() are; values are built by connectors",
            )
    for name in loop_names(found) & set(ROOTS):
        at.say(
            "R204", text.index(name), len(name), f"'{name}' is taken; give the loop another name"
        )


# --- has(), options, empty values ---------------------------------------------------------------


def _presence(text: str, at: Place) -> None:
    """`has()` of a declared name is always true or an error: `!= null` says what is meant."""
    found = tokens(text)
    for chain in chains(text):
        before = found[max(chain.first - 2, 0) : chain.first]
        inside = [token.text for token in before] == ["has", "("]
        declared = chain.parts[0] in ("item", "account", "contact", "steps", "failure")
        fact = chain.parts[:2] == ("event", "data") and len(chain.parts) == depth(chain.parts)
        if inside and ((declared and len(chain.parts) == depth(chain.parts)) or fact):
            at.say(
                "R205",
                before[0].start,
                len("has"),
                f"has({chain.text}) does not say present",
                f"{chain.text} != null",
            )


def _settings(text: str, scope: Scope, at: Place) -> None:
    """R211: `setting("…")` of a name that the organization has no value for."""
    found = tokens(text)
    for index, token in enumerate(found[:-2]):
        if token.text == "setting" and found[index + 1].text == "(" and scope.settings is not None:
            name = literal(found[index + 2])
            if name is not None and name not in scope.settings:
                at.say(
                    "R211",
                    found[index + 2].start,
                    len(found[index + 2].text),
                    f"the organization has no setting '{name}'",
                    did_you_mean(name, scope.settings, "settings"),
                )


def _options(text: str, scope: Scope, at: Place) -> None:
    found = tokens(text)
    for chain in chains(text):
        field = scope.field_of(chain.parts) if len(chain.parts) == 2 else None
        if field is None or not field.options:
            continue
        for token in _compared(found, chain):
            value = literal(token)
            if value is not None and value not in field.options:
                at.say(
                    "R202",
                    token.start,
                    len(token.text),
                    f"'{value}' is not an option of '{field.label}'",
                    did_you_mean(value, field.options, "options"),
                )


def _compared(found: Sequence[Token], chain: Chain) -> list[Token]:
    """The strings that a name is compared with."""
    following = found[chain.last + 1 :]
    sign = following[0].text if following else ""
    if sign in ("==", "!="):
        return [*following[1:2]]
    if sign == "in" and following[1:2] and following[1].text == "[":
        end = next((i for i, token in enumerate(following) if token.text == "]"), 0)
        return [token for token in following[2:end] if token.kind == "string"]
    before = found[max(chain.first - 2, 0) : chain.first]
    if len(before) == 2 and before[1].text in ("==", "!=", "in"):
        return [before[0]]
    return []


def _empties(text: str, scope: Scope, at: Place) -> None:
    """R210: an ordering or a sum with a value that may be empty and is not tested."""
    found = tokens(text)
    for chain in chains(text):
        sign = _operator(found, chain)
        whole = len(chain.parts) == depth(chain.parts)
        if sign is None or chain.called or not whole or not scope.may_be_empty(chain.parts):
            continue
        if re.search(rf"{re.escape(chain.text)}\s*(!=|==)\s*null", text):
            continue
        what = "ordering" if sign in _ORDERING else "arithmetic"
        clause = next(part for start, part in reversed(clauses(text)) if start <= chain.start)
        at.warn(
            "R210",
            chain.start,
            len(chain.text),
            f"{what} on '{chain.parts[-1]}', which may be empty",
            f"{chain.text} != null && {clause}",
        )


def _operator(found: Sequence[Token], chain: Chain) -> str | None:
    if chain.parts[0] not in ROOTS:
        return None
    signs = [
        found[index].text for index in (chain.first - 1, chain.last + 1) if 0 <= index < len(found)
    ]
    return next((sign for sign in signs if sign in (*_ORDERING, *_ARITHMETIC)), None)


# --- the checker's own findings -----------------------------------------------------------------


def _fault(text: str, start: int, message: str, state: tuple[Place, set[str], bool]) -> None:
    at, told, has_errors = state
    undeclared = _UNDECLARED.search(message)
    if undeclared:
        if has_errors and any(undeclared[1] in name or name in undeclared[1] for name in told):
            return
        at.say("R209", start, 1, f"there is no '{undeclared[1]}'")
        return
    overload = _OVERLOAD.search(message)
    if overload:
        sign = overload[1].strip("_").replace("_", "") or overload[1]
        at.say("R203", start, len(sign), f"{sign} does not take ({_kind(overload[2])})")
        return
    if not has_errors:
        at.say("R200", start, 1, _unread(message), _syntax_help(text, at))


def _unread(message: str) -> str:
    """The parser's words for a person."""
    for pattern, said in _SYNTAX:
        found = pattern.search(message)
        if found is not None:
            return said.format(found[1].strip() if found.groups() else "")
    return message[:1].lower() + message[1:]


def _syntax_help(text: str, at: Place) -> str:
    if "#" in at.talk.rest_of_line(at.place):
        return "YAML cut the text at ' #': quote it, or write it as a >- block"
    if any(token.text == "=" for token in tokens(text)):
        return "== compares"
    return ""


def _kind(name: str) -> str:
    for cel, word in _KINDS:
        name = re.sub(rf"(?<![\w.]){re.escape(cel)}(?!\w)", word, name, flags=re.IGNORECASE)
    return name
