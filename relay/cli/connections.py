"""`relay connection`: accounts at providers."""

import sys
from collections.abc import Sequence

import click

from relay.cli.invocation import Invocation, safe, table
from relay.cli.listing import state as state_cell
from relay.cli.listing import why
from relay.cli.office import Office, office, pairs, value
from relay.core.errors import InvalidInput
from relay.integrations import INTEGRATIONS
from relay.pipeline import arrange, connect, documents, watch_report
from relay.storage import connections
from relay.storage.connections import ConnectionRow

_SETTING = click.option("--setting", multiple=True, metavar="NAME=VALUE",
                        help="See relay connection types.")  # fmt: skip


@click.group()
def connection() -> None:
    """Connect accounts at providers."""


@connection.command()
@click.pass_obj
def types(invocation: Invocation) -> None:
    """The providers there are, with their secrets, settings and hosts."""
    rows = [
        documents.connection_type(name, one)
        for name, one in INTEGRATIONS.items()
        if one.connector is not None
    ]
    shown = [
        (row["provider"], row["title"], ", ".join(row["secrets"]), ", ".join(row["settings"]),
         ", ".join(row["hosts"]))
        for row in rows
    ]  # fmt: skip
    text = table(("provider", "", "secrets", "settings", "hosts"), shown)
    invocation.show({"data": rows, "next": None}, text)


@connection.command()
@click.argument("provider")
@click.option("--name", help="What rules call it; else the provider.")
@click.option("--host", help="Which of its hosts (relay connection types); else the usual one.")
@click.option("--url", help="The address of a CRM elsewhere: https://crm.example.com/v2")
@_SETTING
@click.pass_obj
def add(
    invocation: Invocation,
    provider: str,
    name: str | None,
    host: str | None,
    url: str | None,
    setting: tuple[str, ...],
) -> None:
    """Connect an account at PROVIDER. Its secrets are asked for, or read from standard input, one a
    line; they stand in no list of processes. A test organization gets a sandbox, without any."""
    settings = {key: value(text) for key, text in pairs(setting, "--setting").items()}
    with office(invocation, wakes=True) as at:
        _, connector = connect.connector_of(at.runtime, provider)
        is_sandbox = at.org.is_test and not connector.anywhere
        new = connect.NewConnection(
            provider=provider,
            name=name or provider,
            host=host,
            url=url,
            secrets={} if is_sandbox else _secrets(at, provider),
            settings=settings,
        )
        row = connect.add(at.runtime, at.org.id, new, by=at.by)
        told = documents.connection(row)
        next_ = _next(at, row)
    invocation.show(told, f"{row.name} is added. {next_}")


@connection.command(name="set")
@click.argument("name")
@click.option("--name", "new_name", help="Another name; rules have to use it then.")
@_SETTING
@click.option("--unset", multiple=True, metavar="NAME", help="Take a setting away.")
@click.pass_obj
def set_(
    invocation: Invocation,
    name: str,
    new_name: str | None,
    setting: tuple[str, ...],
    unset: tuple[str, ...],
) -> None:
    """Change its settings, one by one."""
    given = {key: value(text) for key, text in pairs(setting, "--setting").items()}
    changed = {**given, **dict.fromkeys(unset)}
    with office(invocation) as at:
        row = connect.change(at.runtime, at.org.id, name, settings=changed, name=new_name, by=at.by)
    invocation.show(documents.connection(row), f"{row.name} is changed.")


@connection.command()
@click.argument("name")
@click.pass_obj
def reconnect(invocation: Invocation, name: str) -> None:
    """Give it other secrets for the same account; the runs that waited go on."""
    with office(invocation, wakes=True) as at:
        with at.runtime.db.read() as conn:
            row = arrange.connection_called(conn, at.org.id, name)
        secrets = {} if row.sandbox_path else _secrets(at, row.provider)
        row, freed = connect.reconnect(at.runtime, at.org.id, name, secrets, by=at.by)
        told = {**documents.connection(row), "released": freed}
        next_ = _next(at, row)
    invocation.show(told, f"{row.name} is {row.state}; {freed} waiting runs go on. {next_}")


@connection.command()
@click.argument("name")
@click.pass_obj
def remove(invocation: Invocation, name: str) -> None:
    """Forget its secrets. Its bookings stay; a deal that it booked could be booked through another
    connection, so give an account new secrets with reconnect."""
    with office(invocation) as at:
        connect.remove(at.runtime, at.org.id, name, by=at.by)
    invocation.show({"name": name, "removed": True}, f"{name} is removed.")


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
def show(invocation: Invocation, name: str) -> None:
    """One connection; of a CRM elsewhere also how its watch stands."""
    with office(invocation) as at, at.runtime.db.read() as conn:
        row = arrange.connection_called(conn, at.org.id, name)
        watch = watch_report.report(conn, row, at.runtime.clock.now())
    told = {**documents.connection(row), "watch": watch}
    shown = {key: one for key, one in told.items() if key not in {"watch", "settings"}}
    lines = [f"{key:<16} {_cell(one)}" for key, one in [*shown.items(), *row.settings.items()]]
    for key, one in (watch or {}).items():
        if key != "lists":
            lines.append(f"{key:<16} {_cell(one)}".rstrip())
    for each in watch["lists"] if watch else ():
        seen = each["cursor"] if each["baseline"] else "first reading"
        lines.append(f"  {each['title']}: {each['items']} items, seen to {seen}")
    invocation.show(told, "\n".join(safe(line) for line in lines))


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


def _secrets(at: Office, provider: str) -> dict[str, str]:
    """Typed unseen at a terminal; from a pipe one a line, in the connector's own order."""
    _, connector = connect.connector_of(at.runtime, provider)
    needed = connect.secrets_wanted(connector)
    if sys.stdin.isatty():
        return {name: click.prompt(_words(name), hide_input=True, err=True) for name in needed}
    given = [line.strip() for line in sys.stdin.read().splitlines()]
    return _in_order(given, connector.secrets, needed)


def _in_order(
    given: Sequence[str], all_of_them: Sequence[str], needed: Sequence[str]
) -> dict[str, str]:
    if not len(needed) <= len(given) <= len(all_of_them):
        raise InvalidInput(
            f"standard input has {len(given)} lines; give the secrets one a line:"
            f" {', '.join(all_of_them)}"
        )
    return dict(zip(all_of_them, given, strict=False))


def _next(at: Office, row: ConnectionRow) -> str:
    if row.reason == connect.NOT_YET:
        base_url = at.runtime.settings.base_url
        return f"Let Relay into the account now: {base_url}/connections"
    return f"See whether it works: relay connection test {row.name}"


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
