"""Lists on the terminal: one page of documents, newest first, as a table."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from relay.cli.invocation import Invocation, table
from relay.core.errors import InvalidInput
from relay.core.ids import number

Document = Mapping[str, Any]
Column = tuple[str, Callable[[Document], object]]

_COLOURS = {
    "succeeded": "green", "delivered": "green", "booked": "green", "routed": "green",
    "active": "green",
    "failed": "red", "rejected": "red", "unreadable": "red", "needs_reconnect": "red",
    "waiting": "yellow", "running": "yellow", "held": "yellow", "pending": "yellow",
    "accepted": "yellow", "paused": "yellow", "sent": "yellow",
}  # fmt: skip
_LONGEST = 60


def paged(command: Callable[..., None]) -> Callable[..., None]:
    """Puts `--limit` and `--cursor` on a command."""
    cursor = click.option("--cursor", metavar="CURSOR", help="Go on from a page's `next`.")
    limit = click.option("--limit", default=25, show_default=True, type=click.IntRange(1, 200))
    return cursor(limit(command))


def show(invocation: Invocation, page: Document, columns: Sequence[Column], none: str) -> None:
    """Prints a page; says `none` where it is empty."""
    rows = page["data"]
    if not rows:
        invocation.show(page, none)
        return
    made = table(
        [name for name, _ in columns],
        [[column(row) for _, column in columns] for row in rows],
    )
    invocation.show(page, _with_more(made, page))


def _with_more(made: Table, page: Document) -> Table:
    if page.get("next"):
        made.caption = f"there is more: --cursor {page['next']}"
        made.caption_justify = "left"
    return made


def cell(name: str) -> Column:
    """A column that shows one value of the document under its own name."""
    return name, lambda row: row.get(name)


def state(row: Document) -> Text:
    """The state, coloured."""
    text = str(row.get("state"))
    return Text(text, style=_COLOURS.get(text, ""))


def clock(name: str) -> Callable[[Document], str]:
    """A time as people read it: to the second, in UTC."""
    return lambda row: str(row.get(name) or "")[:19].replace("T", " ")


def why(row: Document) -> str:
    """The reason, cut."""
    text = " ".join(str(row.get("reason") or "").split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def row_number(prefix: str, text: str) -> int:
    """The row behind an id as people type it: `evt_12` or `12`."""
    return int(text) if text.isascii() and text.isdigit() else number(prefix, text)


def page_of(page: Any, data: list[dict[str, Any]]) -> dict[str, Any]:
    """A page of rows as `/api/v1` writes it."""
    return {"data": data, "next": None if page.older is None else str(page.older)}


def one_of(value: str | None, known: Sequence[str], what: str) -> str | None:
    """Raises InvalidInput for a word that is none of those known."""
    if value is not None and value not in known:
        raise InvalidInput(f"{value!r} is no {what}: {', '.join(known)}")
    return value
