"""`relay org`: organizations, and what is set for one."""

from typing import Any

import click

from relay.cli.invocation import Invocation, table
from relay.cli.listing import cell
from relay.cli.office import office, pairs, store, who
from relay.crm.embedded import first
from relay.crm.moments import milliseconds
from relay.pipeline import arrange, documents
from relay.storage import identity, members


@click.group()
def org() -> None:
    """Make organizations, and set what is theirs."""


@org.command()
@click.argument("name")
@click.option("--test", "is_test", is_flag=True, help="One that never reaches a real system.")
@click.option("--time-zone", metavar="ZONE", help="Such as Europe/Berlin; else UTC.")
@click.pass_obj
def create(invocation: Invocation, name: str, is_test: bool, time_zone: str | None) -> None:
    """A new organization with empty lists; make its first user next."""
    with store(invocation) as runtime:
        now = runtime.clock.now()
        with runtime.db.write() as conn:
            id = identity.create_organization(conn, name, is_test=is_test, at=now)
            first.lists(conn, id, milliseconds(now))
            members.change_organization(conn, id, by=who(), at=now, time_zone=time_zone)
            identity.audit(conn, id, who(), "organization created", name, at=now)
            made = documents.organization(identity.organization(conn, id))
    kind = "test organization" if is_test else "organization"
    then = f"relay user create EMAIL --name NAME --role owner --org {name!r}"
    invocation.show(made, f"Made the {kind} {name}. Next: {then}")


@org.command(name="list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """Every organization."""
    with store(invocation) as runtime, runtime.db.read() as conn:
        rows = [documents.organization(one) for one in identity.all_organizations(conn)]
    columns = [cell(name) for name in ("id", "name", "is_test", "time_zone", "key_limit",
                                       "bookings_held")]  # fmt: skip
    shown = [[value(row) for _, value in columns] for row in rows]
    text = table([name for name, _ in columns], shown) if rows else "There is no organization yet."
    invocation.show({"data": rows, "next": None}, text)


@org.command(name="set")
@click.option("--time-zone", metavar="ZONE", help="Such as Europe/Berlin.")
@click.option("--key-limit", type=int, metavar="N", help="How many API keys it may have.")
@click.option("--quiet-hours", metavar="22:00-07:00", help="When nobody is told; none: never.")
@click.option("--bookings", type=click.Choice(["hold", "go"]), help="Hold all, or let them go.")
@click.option("--setting", multiple=True, metavar="NAME=VALUE", help="What setting(NAME) reads.")
@click.option("--unset", multiple=True, metavar="NAME", help="Take a setting away.")
@click.pass_obj
def set_(
    invocation: Invocation,
    time_zone: str | None,
    key_limit: int | None,
    quiet_hours: str | None,
    bookings: str | None,
    setting: tuple[str, ...],
    unset: tuple[str, ...],
) -> None:
    """Set what is an organization's own."""
    settings: dict[str, Any] = {**pairs(setting, "--setting"), **dict.fromkeys(unset)}
    with office(invocation, wakes=bookings == "go") as at:
        arrange.change_organization(
            at.runtime,
            at.org.id,
            by=at.by,
            time_zone=time_zone,
            key_limit=key_limit,
            settings=settings,
            quiet_hours=quiet_hours,
        )
        if bookings is not None:
            arrange.hold_bookings(at.runtime, at.org.id, held=bookings == "hold", by=at.by)
        with at.runtime.db.read() as conn:
            found = documents.organization(identity.organization(conn, at.org.id))
    rows = [(name, value) for name, value in found.items() if name != "settings"]
    rows += [(f"setting {name}", value) for name, value in found["settings"].items()]
    invocation.show(found, table(("what", "is"), rows))
