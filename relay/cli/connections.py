"""`relay connection`: accounts at providers."""

import click

from relay.cli.invocation import Invocation, table
from relay.cli.listing import state as state_cell
from relay.cli.listing import why
from relay.cli.office import office
from relay.pipeline import arrange, documents
from relay.storage import connections


@click.group()
def connection() -> None:
    """See, test and pause connections."""


@connection.command(name="list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """Every connection."""
    with office(invocation) as at, at.runtime.db.read() as conn:
        found = connections.all_connections(conn, at.org.id)
    rows = [documents.connection(one) for one in found]
    shown = [
        (row["id"], row["name"], row["provider"], "sandbox" if row["is_sandbox"] else "",
         state_cell(row), why(row))
        for row in rows
    ]  # fmt: skip
    text = table(("id", "name", "provider", "", "state", "why"), shown)
    invocation.show({"data": rows, "next": None}, text if rows else "There is no connection.")


@connection.command()
@click.argument("name")
@click.pass_obj
def pause(invocation: Invocation, name: str) -> None:
    """Let the runs that need it wait."""
    with office(invocation) as at:
        row, _ = arrange.pause_connection(at.runtime, at.org.id, name, paused=True, by=at.by)
    invocation.show(documents.connection(row), f"{row.name} is paused.")


@connection.command()
@click.argument("name")
@click.pass_obj
def resume(invocation: Invocation, name: str) -> None:
    """Use it again; the runs that waited go on."""
    with office(invocation, wakes=True) as at:
        row, freed = arrange.pause_connection(at.runtime, at.org.id, name, paused=False, by=at.by)
    told = {**documents.connection(row), "released": freed}
    invocation.show(told, f"{row.name} is active; {freed} waiting runs go on.")


@connection.command()
@click.argument("name")
@click.pass_obj
def test(invocation: Invocation, name: str) -> None:
    """Ask the provider who it is. Exit status 1 when it cannot be reached or refuses."""
    with office(invocation) as at:
        account = arrange.try_connection(at.runtime, at.org.id, name)
    invocation.show({"connection": name, "account": account}, f"{name} works: {account}")
