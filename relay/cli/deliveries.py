"""`relay delivery`: messages to named addresses, and the tries made at them."""

import click

from relay.cli import told
from relay.cli.invocation import Invocation
from relay.cli.listing import cell, clock, one_of, page_of, paged, row_number, show
from relay.cli.listing import state as state_cell
from relay.cli.listing import why as reason_cell
from relay.cli.office import Office, ask
from relay.core.ids import public
from relay.pipeline import documents, explain
from relay.storage.reads import deliveries
from relay.storage.reads.page import Cut


@click.group()
def delivery() -> None:
    """See what was sent out."""


@delivery.command(name="list")
@click.option("--state", metavar="STATE", help=f"One of {', '.join(deliveries.STATES)}.")
@click.option("--target", metavar="NAME", help="Only to this target.")
@paged
@click.pass_obj
def list_(
    invocation: Invocation, state: str | None, target: str | None, limit: int, cursor: str | None
) -> None:
    """The newest deliveries."""
    one_of(state, deliveries.STATES, "state")
    wanted = deliveries.Filter(state=state, target=target)
    query = {"state": state, "target": target, "cursor": cursor, "limit": limit}

    def here(at: Office) -> dict[str, object]:
        with at.runtime.db.read() as conn:
            page = deliveries.page(conn, at.org.id, wanted, Cut.of(cursor, size=limit))
        return page_of(page, [documents.delivery(row) for row in page.rows])

    columns = (
        cell("id"),
        ("made", clock("created_at")),
        cell("type"),
        cell("target"),
        cell("url"),
        ("state", state_cell),
        cell("tried"),
        ("answer", lambda row: row.get("last_status")),
        ("why", reason_cell),
    )
    show(invocation, ask(invocation, "deliveries", query, here), columns, "Nothing was sent yet.")


@delivery.command(name="show")
@click.argument("id")
@click.pass_obj
def show_(invocation: Invocation, id: str) -> None:
    """The story of the delivery ID (dlv_12, or 12): what was sent, and each answer."""
    number = row_number("dlv", id)
    path = f"deliveries/{public('dlv', number)}"
    story = ask(invocation, path, {}, lambda at: explain.delivery(at.runtime, at.org.id, number))
    invocation.show(story, told.delivery(story))
