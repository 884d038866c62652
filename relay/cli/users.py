"""`relay user`: people who may sign in."""

import click

from relay.cli.invocation import Invocation, table
from relay.cli.office import office, secret_from
from relay.core import ids
from relay.core.access import ROLES
from relay.pipeline import documents
from relay.storage import identity, members
from relay.storage.reads import settings

_PASSWORD_BYTES = 12


@click.group()
def user() -> None:
    """Let people sign in."""


@user.command()
@click.argument("email")
@click.option("--name", required=True, help="What the person is called.")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True)
@click.option("--password", metavar="-", help="`-` reads it from standard input; else one is made.")
@click.pass_obj
def create(invocation: Invocation, email: str, name: str, role: str, password: str | None) -> None:
    """Somebody new; a password that we make is shown this once."""
    if password not in (None, "-"):
        raise click.UsageError("--password takes - alone: a list of processes is no place for one")
    given = secret_from(password)
    chosen = given or ids.token(_PASSWORD_BYTES)
    with office(invocation) as at, at.runtime.db.write() as conn:
        now = at.runtime.clock.now()
        id = identity.create_user(
            conn, at.org.id, email=email, name=name, role=role, password=chosen, at=now
        )
        identity.audit(conn, at.org.id, at.by, "user created", email, after=role, at=now)
    shown = {} if given else {"password": chosen}
    made = {"id": id, "email": email.strip().lower(), "name": name, "role": role, **shown}
    once = "" if given else f"\nPassword, shown this once: {chosen}"
    invocation.show(made, f"{name} may sign in as {email} ({role}).{once}")


@user.command(name="list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """Everyone of the organization."""
    with office(invocation) as at, at.runtime.db.read() as conn:
        rows = [documents.user(one) for one in settings.people(conn, at.org.id)]
    shown = [(row["id"], row["email"], row["name"], row["role"]) for row in rows]
    invocation.show({"data": rows, "next": None}, table(("id", "email", "name", "role"), shown))


@user.command()
@click.argument("who")
@click.argument("role", type=click.Choice(ROLES))
@click.pass_obj
def role(invocation: Invocation, who: str, role: str) -> None:
    """Give WHO (an email or id) another ROLE."""
    with office(invocation) as at, at.runtime.db.write() as conn:
        members.change_role(conn, at.org.id, who, role, by=at.by, at=at.runtime.clock.now())
    invocation.show({"user": who, "role": role}, f"{who} is {role} now.")
