"""Lists, a page at a time: newest first, by id, so that a page stays still while rows come in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Select

from relay.core.errors import InvalidInput

SIZE = 50
# How many rows a filter without an index of its own looks through for one page.
SCANNED = 50_000
T = TypeVar("T")
LAST = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Which part of a list: what is older than `before`, or newer than `after`."""

    before: int | None = None
    after: int | None = None
    size: int = SIZE

    @staticmethod
    def of(before: str | None, after: str | None = None, size: int = SIZE) -> "Cut":
        """From a query string. Raises InvalidInput."""
        return Cut(before=_number(before), after=_number(after), size=size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Rows, and the cursor of what is older; None at the end."""

    rows: Sequence[T]
    older: int | None = None


def scan_floor(cut: Cut, newest: int) -> int:
    """The id down to which one filtered page looks."""
    top = cut.before if cut.before is not None else newest + 1
    return max(0, top - SCANNED)


def _number(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004 - 64 bits
        raise InvalidInput(f"{text[:40]!r} is no cursor of ours")
    return int(text)


def cut_page(
    conn: Connection,
    statement: Select[Any],
    id_column: ColumnElement[int],
    cut: Cut,
    read: Callable[[Any], T],
    *,
    floor: int | None = None,
) -> Page[T]:
    """One page of a statement; asks for one row more, to know whether there is another page.

    With a `floor` nothing at or below it is looked at, and the page goes on from there.
    """
    if floor is not None:
        statement = statement.where(id_column > floor)
    if cut.after is not None:
        statement = statement.where(id_column > cut.after)
    if cut.before is not None:
        statement = statement.where(id_column < cut.before)
    rows = conn.execute(statement.order_by(id_column.desc()).limit(cut.size + 1)).all()
    shown = rows[: cut.size]
    older = int(shown[-1].id) if len(rows) > cut.size else None
    if older is None and floor is not None and floor > 0:
        older = floor + 1
    return Page(rows=[read(row) for row in shown], older=older)
