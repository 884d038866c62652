"""How a check says what it found: a place in a rule becomes a place in the file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from rules.engine.document import Document
from rules.engine.model import Finding, Severity

LONGEST = 300  # a message that quotes what the file says


@dataclass(slots=True)
class Talk:
    """Gathers the findings of one rule; `prefix` is its place in its file (`rules[2]`)."""

    document: Document
    prefix: str
    findings: list[Finding] = field(default_factory=list)

    def say(
        self,
        code: str,
        place: str,
        message: str,
        help: str = "",
        *,
        severity: Severity = "error",
        key: bool = False,
        offset: int | None = None,
        length: int | None = None,
    ) -> None:
        """`offset` and `length` point into the text of a scalar."""
        where = ".".join(part for part in (self.prefix, place) if part)
        span = self.document.span(where, key=key)
        line, column, size = span.line, span.column, span.length
        if offset is not None:
            line, column = self.document.locate(where, offset)
            size = length or 1
        said = message if len(message) <= LONGEST else f"{message[:LONGEST]}…"
        self.findings.append(
            Finding(code, severity, self.document.path, line, column, size, said, help)
        )

    def rest_of_line(self, place: str) -> str:
        """What stands behind an unquoted scalar on its line; empty for any other."""
        span = self.document.span(f"{self.prefix}.{place}")
        if span.style:
            return ""
        return self.document.lines[span.line - 1][span.column - 1 + span.length :]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an expression stands: in the scalar at `place`, from `offset` on."""

    talk: Talk
    place: str
    offset: int = 0

    def say(self, code: str, start: int, length: int, message: str, help: str = "") -> None:
        self.talk.say(
            code, self.place, message, help, offset=self.offset + start, length=max(length, 1)
        )

    def warn(self, code: str, start: int, length: int, message: str, help: str = "") -> None:
        self.talk.say(
            code,
            self.place,
            message,
            help,
            severity="warning",
            offset=self.offset + start,
            length=max(length, 1),
        )


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """The known name that was meant, most likely."""
    names = list(known)
    by_case = {one.casefold(): one for one in reversed(names)}
    close = get_close_matches(name.casefold(), list(by_case), n=1, cutoff=0.6)
    return by_case[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str], listed: str = "") -> str:
    """Help for an unknown name: the likeliest one, then all of them under `listed`."""
    names = list(known)
    meant = suggestion(name, names)
    said = [f"did you mean '{meant}'?"] if meant else []
    if listed and names:
        said.append(f"{listed}: {', '.join(names)}")
    return " ".join(said)
