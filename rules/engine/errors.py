"""The one way a rule fails: it cannot be read, or cannot be worked out on these facts."""

from __future__ import annotations

from collections.abc import Mapping


class RuleError(Exception):
    """A rule that cannot be read, or a condition or value that cannot be worked out.

    `place` is a path in the rule or step (`if`, `do[1].use`, `with.fields.paid_amount`), `source`
    the path of the facts it came from, `values` the names read. `str(error)` is for a person.
    """

    def __init__(
        self,
        message: str,
        *,
        place: str = "",
        path: str = "",
        line: int = 0,
        column: int = 0,
        values: Mapping[str, object] | None = None,
        source: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.path = path
        self.line = line
        self.column = column
        self.values = dict(values or {})
        self.source = source

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}:{self.column}: " if self.path and self.line else ""
        place = f"{self.place}: " if self.place else ""
        return f"{where}{place}{self.message}"

    def at(self, place: str, path: str, line: int, column: int) -> RuleError:
        """The same failure with its place in a file."""
        return RuleError(
            self.message,
            place=place,
            path=path,
            line=line,
            column=column,
            values=self.values,
            source=self.source,
        )
