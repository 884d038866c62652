"""`relay booking`: what was booked where."""

import click

from relay.cli.invocation import Invocation
from relay.cli.listing import Document, cell, clock, page_of, paged, show
from relay.cli.listing import state as state_cell
from relay.cli.office import Office, ask
from relay.pipeline import documents
from relay.pipeline import reconcile as books
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


@booking.command()
@click.option("--since", metavar="DAY", help="The first day, such as 2026-11-01; else a month ago.")
@click.option("--until", metavar="DAY", help="The last day; else today.")
@click.option("--ask", "ask_them", is_flag=True, help="Ask the providers for their books too.")
@click.option("--csv", "as_csv", is_flag=True, help="Print it as CSV.")
@click.pass_obj
def reconcile(
    invocation: Invocation,
    since: str | None,
    until: str | None,
    *,
    ask_them: bool,
    as_csv: bool,
) -> None:
    """Won deals without a document, documents without a deal, and amounts that differ. Exit status
    1 where there are some."""

    def here(at: Office) -> dict[str, object]:
        now = at.runtime.clock.now()
        period = books.period_of(since, until, now, at.org.time_zone)
        found = books.differences(at.runtime, at.org.id, period, ask=ask_them)
        return books.document(found, period)

    found = ask(
        invocation,
        "bookings/reconcile",
        {"since": since, "until": until, "ask": "true" if ask_them else None},
        here,
    )
    rows = found["data"]
    if as_csv:
        click.echo(books.as_csv([books.Difference(**row) for row in rows]), nl=False)
    elif not rows:
        told = f"Deals and books agree from {found['since']} to {found['until']}."
        invocation.show(found, told)
    else:
        columns = (
            ("what", lambda row: books.PROBLEMS[row["problem"]]),
            ("deal", lambda row: row["item_name"] or row["item_id"]),
            ("worth", lambda row: row["deal_amount"]),
            ("booked", lambda row: row["booked_amount"]),
            ("in", lambda row: row["connection"]),
            ("number", lambda row: row["external_number"] or row["number"]),
            ("why", lambda row: row["why"]),
        )
        show(invocation, found, columns, "")
    if rows:
        raise SystemExit(1)


def _amount(row: Document) -> str:
    return " ".join(str(row[name]) for name in ("amount", "currency") if row.get(name))
