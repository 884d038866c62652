"""`relay event`: what arrived and what changed, and the story of each."""

import click

from relay.cli import told
from relay.cli.again import event_again
from relay.cli.invocation import Invocation
from relay.cli.listing import Document, cell, clock, one_of, page_of, paged, row_number, show
from relay.cli.listing import state as state_cell
from relay.cli.listing import why as reason_cell
from relay.cli.office import Office, ask
from relay.core.ids import public
from relay.pipeline import documents, explain
from relay.storage.reads import events
from relay.storage.reads.page import Cut


@click.group()
def event() -> None:
    """See what arrived and what became of it."""


event.add_command(event_again)


@event.command(name="list")
@click.option("--state", metavar="STATE", help=f"One of {', '.join(events.STATES)}.")
@click.option("--kind", metavar="KIND", help=f"One of {', '.join(events.KINDS)}.")
@click.option("--source", metavar="NAME", help="Only what came to this source.")
@click.option("--type", "type_", metavar="TYPE", help="Only this event type.")
@click.option("--about", metavar="TEXT", help="Only about this email or item.")
@paged
@click.pass_obj
def list_(
    invocation: Invocation,
    state: str | None,
    kind: str | None,
    source: str | None,
    type_: str | None,
    about: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """The newest events."""
    one_of(state, events.STATES, "state")
    one_of(kind, events.KINDS, "kind")
    wanted = events.Filter(state=state, kind=kind, source=source, type=type_, about=about)
    query = {"state": state, "kind": kind, "source": source, "type": type_, "about": about,
             "cursor": cursor, "limit": limit}  # fmt: skip

    def here(at: Office) -> dict[str, object]:
        with at.runtime.db.read() as conn:
            page = events.page(conn, at.org.id, wanted, Cut.of(cursor, size=limit))
        return page_of(page, [documents.event(row) for row in page.rows])

    columns = (
        cell("id"),
        ("received", clock("received_at")),
        cell("kind"),
        cell("type"),
        cell("source"),
        cell("about"),
        ("state", state_cell),
        ("runs", _outcomes),
        ("why", reason_cell),
    )
    none = "Nothing has arrived yet. relay source list shows where to send something."
    show(invocation, ask(invocation, "events", query, here), columns, none)


@event.command(name="show")
@click.argument("id")
@click.pass_obj
def show_(invocation: Invocation, id: str) -> None:
    """The story of the event ID (evt_12, or 12): how it was checked, what it became, which rules
    fired and why the others did not, and every step."""
    number = row_number("evt", id)
    path = f"events/{public('evt', number)}"
    story = ask(invocation, path, {}, lambda at: explain.event(at.runtime, at.org.id, number))
    invocation.show(story, told.event(story))


def _outcomes(row: Document) -> str:
    counts: dict[str, int] = row.get("outcomes") or {}
    return ", ".join(f"{count} {state}" for state, count in counts.items())
