"""What a lint found and tests came to, for people and for a build's log."""

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from relay.cli.invocation import safe
from rules.engine import Finding, Loaded
from rules.engine.document import lines_of
from rules.engine.tests import Result

_COLOURS = {"error": "bold red", "warning": "bold yellow"}


def text(loaded: Loaded, texts: Mapping[str, str]) -> Text:
    """Each finding with its line and a caret under its place."""
    told = Text()
    for one in loaded.findings:
        _finding(told, one, lines_of(texts.get(one.path, "")))
    told.rstrip()
    return told


def count(loaded: Loaded) -> str:
    """How many rules, and what was found in them."""
    errors = sum(one.severity == "error" for one in loaded.findings)
    warnings = len(loaded.findings) - errors
    rules = f"{_count(len(loaded.rules), 'rule')}: " if loaded.rules else ""
    return f"{rules}{_count(errors, 'error')}, {_count(warnings, 'warning')}"


def _finding(told: Text, one: Finding, lines: Sequence[str]) -> None:
    told.append(f"{one.path}:{one.line}:{one.column}: ")
    told.append(f"{one.severity}[{one.code}]", style=_COLOURS[one.severity])
    told.append(f" {safe(one.message)}\n")
    if 1 <= one.line <= len(lines):
        line = lines[one.line - 1]
        size = max(1, min(one.length, len(line) - one.column + 1))
        told.append(f"{one.line:>5} | {safe(line)}\n")
        before = "".join("\t" if letter == "\t" else " " for letter in line[: one.column - 1])
        told.append(f"      | {before}").append("^" * size + "\n", style="bold")
    if one.help:
        help = safe(one.help).replace("\n", "\n              ")
        told.append(f"      = help: {help}\n")


def github(loaded: Loaded) -> str:
    """One annotation a line, as GitHub's runners read them."""
    return "\n".join(_annotation(one) for one in loaded.findings)


def _annotation(one: Finding) -> str:
    message = f"{one.message}{f'; {one.help}' if one.help else ''}"
    file = _escaped(one.path).replace(":", "%3A").replace(",", "%2C")
    end = one.column + max(one.length, 1)
    place = f"file={file},line={one.line},col={one.column},endColumn={end}"
    return f"::{one.severity} {place},title={one.code}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


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
