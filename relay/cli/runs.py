"""`relay run`: what rules did, step by step."""

import click

from relay.cli import told
from relay.cli.again import cancel, run_again
from relay.cli.failures import dismiss, failures, retry
from relay.cli.invocation import Invocation
from relay.cli.listing import Document, cell, clock, one_of, page_of, paged, row_number, show
from relay.cli.listing import state as state_cell
from relay.cli.listing import why as reason_cell
from relay.cli.many_runs import export
from relay.cli.office import Office, ask
from relay.core.ids import public
from relay.pipeline import documents, explain
from relay.storage.reads import runs
from relay.storage.reads.page import Cut


@click.group()
def run() -> None:
    """See what the rules did, do it again, or end it."""


run.add_command(run_again)
run.add_command(cancel)
run.add_command(export)
run.add_command(failures)
run.add_command(retry)
run.add_command(dismiss)


@run.command(name="list")
@click.option("--state", metavar="STATE", help=f"One of {', '.join(runs.STATES)}.")
@click.option("--rule", metavar="ID", help="Only runs of this rule.")
@click.option("--item", metavar="ID", help="Only runs for this list item.")
@click.option("--event", "event_", metavar="ID", help="Only runs that this event caused.")
@click.option("--connector", metavar="NAME", help="Only runs that called it, such as quickbooks.")
@paged
@click.pass_obj
def list_(
    invocation: Invocation,
    state: str | None,
    rule: str | None,
    item: str | None,
    event_: str | None,
    connector: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """The newest runs."""
    one_of(state, runs.STATES, "state")
    number = None if event_ is None else row_number("evt", event_)
    wanted = runs.Filter(state=state, rule=rule, item=item, event=number, connector=connector)
    query = {"state": state, "rule": rule, "item": item, "cursor": cursor, "limit": limit,
             "connector": connector,
             "event": None if number is None else public("evt", number)}  # fmt: skip

    def here(at: Office) -> dict[str, object]:
        with at.runtime.db.read() as conn:
            setup = at.runtime.setups.of(conn, at.org.id)
            page = runs.page(conn, at.org.id, wanted, Cut.of(cursor, size=limit))
        return page_of(page, [documents.run(row, setup) for row in page.rows])

    columns = (
        cell("id"),
        ("made", clock("created_at")),
        ("event", lambda row: row.get("event_id")),
        cell("rule"),
        cell("about"),
        ("state", state_cell),
        ("steps", _steps),
        ("why", reason_cell),
    )
    show(invocation, ask(invocation, "runs", query, here), columns, "No rule has fired yet.")


@run.command(name="show")
@click.argument("id")
@click.pass_obj
def show_(invocation: Invocation, id: str) -> None:
    """The story of the run ID (run_12, or 12): its condition, and each step with request, answer,
    tries and key."""
    number = row_number("run", id)
    path = f"runs/{public('run', number)}"
    story = ask(invocation, path, {}, lambda at: explain.run(at.runtime, at.org.id, number))
    invocation.show(story, told.run(story))


def _steps(row: Document) -> str:
    return f"{row.get('steps_done')} of {row.get('steps_known')}"
