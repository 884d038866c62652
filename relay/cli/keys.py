"""`relay key`: API keys."""

import click

from relay.cli.invocation import Invocation, table
from relay.cli.listing import clock
from relay.cli.office import office
from relay.core.access import SCOPES
from relay.pipeline import arrange, documents
from relay.pipeline.crm_lists import all_lists
from relay.storage import identity
from relay.storage.reads import settings


@click.group()
def key() -> None:
    """Make and revoke API keys."""


@key.command()
@click.argument("name")
@click.option("--scope", multiple=True, type=click.Choice(SCOPES), help="Without any: all.")
@click.option("--list", "lists", multiple=True, metavar="LIST", help="Only these; else every list.")
@click.pass_obj
def create(
    invocation: Invocation, name: str, scope: tuple[str, ...], lists: tuple[str, ...]
) -> None:
    """A new key, one per developer or use; its secret is shown this once."""
    with office(invocation) as at, at.runtime.db.write() as conn:
        made, secret = identity.create_key(
            conn,
            at.org.id,
            name=name,
            scopes=scope or SCOPES,
            lists=arrange.list_ids(at.runtime, conn, at.org.id, lists or None),
            by=at.by,
            at=at.runtime.clock.now(),
        )
    _once(invocation, made, secret)


@key.command(name="list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """The live keys."""
    with office(invocation) as at, at.runtime.db.read() as conn:
        rows = [documents.key(one) for one in settings.keys(conn, at.org.id)]
        titles = all_lists(at.runtime, conn, at.org.id).titles
    used = clock("used_at")
    shown = [
        (
            row["key"],
            row["name"],
            "all" if len(row["scopes"]) == len(SCOPES) else " ".join(row["scopes"]),
            "every list"
            if row["lists"] is None
            else ", ".join(titles.get(id, id) for id in row["lists"]),
            used(row) or "never",
        )
        for row in rows
    ]
    text = table(("key", "name", "scopes", "lists", "used"), shown)
    invocation.show({"data": rows, "next": None}, text if rows else "There is no key.")


@key.command(name="reset-secret")
@click.argument("key_id", metavar="KEY")
@click.pass_obj
def reset_secret(invocation: Invocation, key_id: str) -> None:
    """Give KEY a new secret; the old one ends at once."""
    with office(invocation) as at, at.runtime.db.write() as conn:
        now = at.runtime.clock.now()
        secret = identity.reset_secret(conn, at.org.id, key_id, by=at.by, at=now)
    _once(invocation, key_id, secret)


@key.command()
@click.argument("key_id", metavar="KEY")
@click.pass_obj
def revoke(invocation: Invocation, key_id: str) -> None:
    """End KEY, and free its slot."""
    with office(invocation) as at, at.runtime.db.write() as conn:
        now = at.runtime.clock.now()
        identity.revoke_key(conn, at.org.id, key_id, by=at.by, at=now)
    invocation.show({"key": key_id, "revoked": True}, f"{key_id} is revoked.")


def _once(invocation: Invocation, key_id: str, secret: str) -> None:
    shown = f"Key     {key_id}\nSecret  {secret}   (shown this once)"
    invocation.show({"key": key_id, "secret": secret}, shown)
