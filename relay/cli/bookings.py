"""`relay booking`: what was booked where."""

import click

from relay.cli.invocation import Invocation
from relay.cli.listing import Document, cell, clock, page_of, paged, show
from relay.cli.listing import state as state_cell
from relay.cli.office import Office, ask
from relay.pipeline import documents
from relay.storage.reads import bookings
from relay.storage.reads.page import Cut


@click.group()
def booking() -> None:
    """See what was booked."""


@booking.command(name="list")
@paged
@click.pass_obj
def list_(invocation: Invocation, limit: int, cursor: str | None) -> None:
    """The newest bookings: our number, and the provider's."""

    def here(at: Office) -> dict[str, object]:
        with at.runtime.db.read() as conn:
            page = bookings.page(conn, at.org.id, Cut.of(cursor, size=limit))
        return page_of(page, [documents.booking(row) for row in page.rows])

    columns = (
        cell("id"),
        ("booked", clock("booked_at")),
        cell("connection"),
        cell("verb"),
        ("item", lambda row: row.get("item_name") or row.get("item_id")),
        ("amount", _amount),
        cell("number"),
        ("theirs", lambda row: row.get("external_number")),
        ("state", state_cell),
        ("run", lambda row: row.get("run_id")),
    )
    query = {"cursor": cursor, "limit": limit}
    show(invocation, ask(invocation, "bookings", query, here), columns, "Nothing is booked yet.")


def _amount(row: Document) -> str:
    return " ".join(str(row[name]) for name in ("amount", "currency") if row.get(name))
