"""`relay target`: addresses with a name, for rules to send to."""

import click

from relay.cli.invocation import Invocation, table
from relay.cli.office import office
from relay.pipeline import arrange, documents
from relay.storage import connections


@click.group()
def target() -> None:
    """Name the addresses that rules send to."""


@target.command()
@click.argument("name")
@click.argument("url")
@click.pass_obj
def add(invocation: Invocation, name: str, url: str) -> None:
    """Let rules send to URL as NAME; the secret that signs is shown this once."""
    with office(invocation) as at:
        row, secret = arrange.add_target(at.runtime, at.org.id, name, url, by=at.by)
    shown = f"{row.name} is {row.url}\nSecret  {secret}   (shown this once)"
    invocation.show({**documents.target(row), "secret": secret}, shown)


@target.command(name="list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """Every target."""
    with office(invocation) as at, at.runtime.db.read() as conn:
        found = connections.all_targets(conn, at.runtime.vault, at.org.id)
    rows = [documents.target(one) for one in found]
    names = ("id", "name", "url", "problem")
    text = table(names, [[row[name] for name in names] for row in rows])
    none = "There is no target yet: relay target add NAME URL"
    invocation.show({"data": rows, "next": None}, text if rows else none)


@target.command()
@click.argument("name")
@click.pass_obj
def test(invocation: Invocation, name: str) -> None:
    """Send NAME a notice that tells of nothing, to see whether it arrives."""
    with office(invocation, wakes=True) as at:
        found = arrange.test_target(at.runtime, at.org.id, name, by=at.by)
    invocation.show({"name": found, "sent": True}, f"A test notice is on its way to {found}.")


@target.command()
@click.argument("name")
@click.pass_obj
def rotate(invocation: Invocation, name: str) -> None:
    """Give NAME a new secret, shown this once; it signs at once in place of the old one."""
    with office(invocation) as at:
        row, secret = arrange.rotate_target(at.runtime, at.org.id, name, by=at.by)
    shown = f"{row.name} is {row.url}\nSecret  {secret}   (shown this once)"
    invocation.show({**documents.target(row), "secret": secret}, shown)


@target.command()
@click.argument("name")
@click.pass_obj
def remove(invocation: Invocation, name: str) -> None:
    """Take NAME away."""
    with office(invocation) as at:
        arrange.remove_target(at.runtime, at.org.id, name, by=at.by)
    invocation.show({"name": name, "removed": True}, f"{name} is removed.")
