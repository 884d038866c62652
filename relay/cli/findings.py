"""What a lint found and tests came to, for people and for a build's log."""

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from relay.cli.invocation import safe
from rules.engine import Finding, Loaded
from rules.engine.tests import Result

_COLOURS = {"error": "bold red", "warning": "bold yellow"}


def text(loaded: Loaded, texts: Mapping[str, str]) -> Text:
    """Each finding with its line and a caret under its place, and a count."""
    told = Text()
    for one in loaded.findings:
        _finding(told, one, texts.get(one.path, "").splitlines())
    errors = sum(one.severity == "error" for one in loaded.findings)
    warnings = len(loaded.findings) - errors
    rules = f"{len(loaded.rules)} rules: " if loaded.rules else ""
    told.append(f"{rules}{_count(errors, 'error')}, {_count(warnings, 'warning')}")
    return told


def _finding(told: Text, one: Finding, lines: Sequence[str]) -> None:
    told.append(f"{one.path}:{one.line}:{one.column}: ")
    told.append(f"{one.severity}[{one.code}]", style=_COLOURS[one.severity])
    told.append(f" {safe(one.message)}\n")
    if 1 <= one.line <= len(lines):
        line = lines[one.line - 1]
        size = max(1, min(one.length, len(line) - one.column + 1))
        told.append(f"{one.line:>5} | {safe(line)}\n")
        told.append(f"      | {' ' * (one.column - 1)}").append("^" * size + "\n", style="bold")
    if one.help:
        told.append(f"      = help: {safe(one.help)}\n")


def github(loaded: Loaded) -> str:
    """One annotation a line, as GitHub's runners read them."""
    return "\n".join(_annotation(one) for one in loaded.findings)


def _annotation(one: Finding) -> str:
    message = f"{one.message}{f'; {one.help}' if one.help else ''}"
    for sign, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        message = message.replace(sign, code)
    place = f"file={one.path},line={one.line},col={one.column}"
    return f"::{one.severity} {place},title={one.code}::{message}"


def tests(results: Sequence[Result], left: Mapping[str, Sequence[str]]) -> Text:
    """Each test that failed with what differs; then the count, and what no test reached."""
    told = Text()
    for one in results:
        if not one.passed:
            told.append("FAILED ", style="bold red").append(f"{safe(one.title)}\n")
            for line in _indented(one.diff):
                told.append(line)
    failed = sum(not one.passed for one in results)
    told.append(f"{_count(len(results), 'test')}, {failed} failed")
    for rule, places in left.items():
        told.append(f"\n{rule}: no test reached {', '.join(places)}")
    return told


def _indented(diff: str) -> Iterator[str]:
    return (f"    {safe(line)}\n" for line in diff.splitlines())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
