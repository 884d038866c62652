"""`relay delivery`: messages to named addresses, and the tries made at them."""

from datetime import UTC, datetime
from typing import Any

import click

from relay.cli import told
from relay.cli.invocation import Invocation
from relay.cli.listing import cell, clock, one_of, page_of, paged, row_number, show
from relay.cli.listing import state as state_cell
from relay.cli.listing import why as reason_cell
from relay.cli.office import Office, ask, office
from relay.core.ids import public
from relay.pipeline import documents, explain, redeliver
from relay.pipeline.hook_documents import order
from relay.storage.reads import deliveries
from relay.storage.reads.page import Cut


@click.group()
def delivery() -> None:
    """See what was sent out."""


@delivery.command(name="list")
@click.option("--state", metavar="STATE", help=f"One of {', '.join(deliveries.STATES)}.")
@click.option("--target", metavar="NAME", help="Only to this target.")
@click.option("--hook", metavar="ID", help="Only to this hook.")
@paged
@click.pass_obj
def list_(
    invocation: Invocation,
    state: str | None,
    target: str | None,
    hook: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """The newest deliveries."""
    one_of(state, deliveries.STATES, "state")
    wanted = deliveries.Filter(
        state=state, target=target, hook=row_number("hook", hook) if hook else None
    )
    query = {"state": state, "target": target, "hook": hook, "cursor": cursor, "limit": limit}

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


@delivery.command()
@click.argument("id", required=False)
@click.option("--force", is_flag=True, help="Although it was delivered.")
@click.option("--hook", metavar="ID", help="Everything this hook did not get, failed or held.")
@click.option("--since", type=click.DateTime(), help="With --hook: what was made since then.")
@click.option("--until", type=click.DateTime(), help="With --hook: what was made before then.")
@click.option("--missing", is_flag=True, help="With --hook and --since: what it was never told.")
@click.pass_obj
def replay(
    invocation: Invocation,
    id: str | None,
    *,
    force: bool,
    hook: str | None,
    since: datetime | None,
    until: datetime | None,
    missing: bool,
) -> None:
    """Send the delivery ID (dlv_12, or 12) once more, or with --hook everything it missed."""
    if (id is None) == (hook is None) or (missing and since is None):
        raise click.UsageError("name one delivery, or --hook (and --since with --missing)")
    with office(invocation, wakes=True) as at:
        if id is not None:
            number = row_number("dlv", id)
            redeliver.resend(at.runtime, at.org.id, number, by=at.by, force=force)
            told = {"id": public("dlv", number), "state": "pending"}
            invocation.show(told, f"{told['id']} is sent again.")
            return
        span = {"since": _utc(since), "until": _utc(until)}
        work = redeliver.missing if missing else redeliver.recover
        made = order(work(at.runtime, at.org.id, str(hook), by=at.by, **span))
    invocation.show(made, f"{made['queued']} deliveries are sent again, as {made['id']}.")


def _utc(at: datetime | None) -> Any:
    return None if at is None else at.replace(tzinfo=UTC)


@delivery.command(name="show")
@click.argument("id")
@click.pass_obj
def show_(invocation: Invocation, id: str) -> None:
    """The story of the delivery ID (dlv_12, or 12): what was sent, and each answer."""
    number = row_number("dlv", id)
    path = f"deliveries/{public('dlv', number)}"
    story = ask(invocation, path, {}, lambda at: explain.delivery(at.runtime, at.org.id, number))
    invocation.show(story, told.delivery(story))
