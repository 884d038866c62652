"""`relay source`: inbound addresses."""

import sys
from pathlib import Path
from typing import Any, NoReturn

import click
import orjson
from rich.text import Text

from relay.cli.invocation import Invocation, safe, table
from relay.cli.listing import state as state_cell
from relay.cli.mapping import FILE, ask_mapping, fields, map_, preview, read_mapping
from relay.cli.office import Office, office, pairs, secret_from, value
from relay.integrations import INTEGRATIONS
from relay.pipeline import arrange, documents
from relay.storage import connections, sources
from relay.storage.sources import SourceRow

_SECRET = click.option("--secret", metavar="-", help="The sender's own: `-` reads it from standard"
                                                     " input.")  # fmt: skip


@click.group()
def source() -> None:
    """Take webhooks in."""


for _command in (fields, preview, map_):
    source.add_command(_command)


@source.command()
@click.pass_obj
def types(invocation: Invocation) -> None:
    """The kinds of source there are."""
    rows = documents.source_types(INTEGRATIONS)
    shown = [
        (row["type"], row["title"], row["proof"], row["secret"], _few(row["events"]),
         "through a connection" if row["is_thin"] else "")
        for row in rows
    ]  # fmt: skip
    text = table(("type", "", "proven by", "secret", "events", "completed"), shown)
    invocation.show({"data": rows, "next": None}, text)


@source.command()
@click.argument("type_", metavar="[TYPE]", required=False)
@click.option("--name", help="What rules call it; else the type.")
@_SECRET
@click.option("--option", multiple=True, metavar="NAME=VALUE", help="See relay source types.")
@click.option("--mapping", type=FILE,
              help="A JSON file that says where the fields go.")  # fmt: skip
@click.option("--list", "list_", metavar="TITLE", help="The list that the usual mapping fills.")
@click.option("--no-mapping", is_flag=True, help="Not the usual mapping either: rules decide.")
@click.option("--connection", metavar="NAME", help="Completes what the sender only names.")
@click.pass_obj
def create(
    invocation: Invocation,
    type_: str | None,
    name: str | None,
    secret: str | None,
    option: tuple[str, ...],
    mapping: Path | None,
    list_: str | None,
    no_mapping: bool,
    connection: str | None,
) -> None:
    """A new inbound address of TYPE; a secret that we make is shown this once.

    On a terminal it asks for what is not given: the type, the name, the sender's secret, and where
    the fields go.
    """
    asks = sys.stdin.isatty() and not invocation.json
    if type_ is None:
        type_, name, secret = _asked(name, secret) if asks else _no_type()
    decided = bool(mapping or no_mapping or list_)
    new = arrange.NewSource(
        type=type_,
        name=name or type_,
        secret=_given(secret),
        options={key: value(text) for key, text in pairs(option, "--option").items()},
        mapping=None if mapping is None else read_mapping(mapping),
        list=list_,
        connection=connection,
        unmapped=no_mapping,
    )
    with office(invocation) as at:
        row, made = arrange.create_source(at.runtime, at.org.id, new, by=at.by)
        if asks and not decided:
            ask_mapping(at, row.name)
            with at.runtime.db.read() as conn:
                row = arrange.source_called(at.runtime, conn, at.org.id, row.name)
        told = _told(at, row) | {"setup": INTEGRATIONS[row.type].setup()}
    _show(invocation, told, made)


@source.command(name="list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """Every source with its inbound address."""
    with office(invocation) as at:
        with at.runtime.db.read() as conn:
            found = sources.all_sources(conn, at.runtime.vault, at.org.id)
        rows = [_told(at, row) for row in found]
    shown = [(row["name"], row["type"], state_cell(row), row["url"]) for row in rows]
    text = table(("name", "type", "state", "address"), shown)
    none = "There is no source yet: relay source create TYPE"
    invocation.show({"data": rows, "next": None}, text if rows else none)


@source.command()
@click.argument("name")
@click.pass_obj
def show(invocation: Invocation, name: str) -> None:
    """One source: its address, options and mapping, and how to set it up at the sender."""
    with office(invocation) as at, at.runtime.db.read() as conn:
        row = arrange.source_called(at.runtime, conn, at.org.id, name)
        told = _told(at, row)
    _show(invocation, told | {"setup": INTEGRATIONS[row.type].setup()}, None)


@source.command()
@click.argument("name")
@_SECRET
@click.pass_obj
def rotate(invocation: Invocation, name: str, secret: str | None) -> None:
    """Give a source a new secret; the old one counts for a day more."""
    with office(invocation) as at:
        given = _given(secret)
        row, made = arrange.rotate_source(at.runtime, at.org.id, name, given, by=at.by)
        told = _told(at, row)
    _show(invocation, told, made)


@source.command(name="set")
@click.argument("name")
@click.option("--option", multiple=True, metavar="NAME=VALUE", help="See relay source show.")
@click.option("--unset", multiple=True, metavar="NAME", help="Take an option away.")
@click.option("--connection", metavar="NAME", help="Completes what the sender only names.")
@click.pass_obj
def set_(
    invocation: Invocation,
    name: str,
    option: tuple[str, ...],
    unset: tuple[str, ...],
    connection: str | None,
) -> None:
    """Change its options, one by one."""
    given = {key: value(text) for key, text in pairs(option, "--option").items()}
    changed = {**given, **dict.fromkeys(unset)}
    with office(invocation) as at:
        row = arrange.change_source(
            at.runtime, at.org.id, name, options=changed, connection=connection, by=at.by
        )
        told = _told(at, row)
    _show(invocation, told, None)


@source.command()
@click.argument("name")
@click.pass_obj
def pause(invocation: Invocation, name: str) -> None:
    """Tell its senders to come again later."""
    _pause(invocation, name, paused=True)


@source.command()
@click.argument("name")
@click.pass_obj
def resume(invocation: Invocation, name: str) -> None:
    """Take its deliveries again."""
    _pause(invocation, name, paused=False)


def _pause(invocation: Invocation, name: str, *, paused: bool) -> None:
    with office(invocation) as at:
        row = arrange.pause_source(at.runtime, at.org.id, name, paused=paused, by=at.by)
        told = _told(at, row)
    invocation.show(told, f"{row.name} is {row.state}.")


def _told(at: Office, row: SourceRow) -> dict[str, Any]:
    with at.runtime.db.read() as conn:
        known = {one.id: one for one in connections.all_connections(conn, at.org.id)}
    return documents.source(row, at.runtime.settings.base_url, known)


def _show(invocation: Invocation, told: dict[str, Any], made: str | None) -> None:
    lines = Text()
    for name in (
        "name",
        "type",
        "state",
        "reason",
        "problem",
        "connection",
        "url",
        "options",
        "mapping",
    ):
        if told[name]:
            value = told[name]
            shown = value if isinstance(value, str) else _pretty(value)
            lines.append(f"{name:<11}", style="dim").append(f"{safe(shown)}\n")
    if made is not None:
        lines.append(f"{'secret':<11}", style="dim").append(f"{made}   (shown this once)\n")
    if "setup" in told:
        lines.append(f"\n{told['setup']}\n")
    invocation.show(told | ({} if made is None else {"secret": made}), lines)


def _given(secret: str | None) -> str | None:
    if secret not in (None, "-"):
        raise click.UsageError("--secret takes - alone: a list of processes is no place for one")
    return secret_from(secret)


def _asked(name: str | None, secret: str | None) -> tuple[str, str, str | None]:
    """The type, the name and the sender's own secret, from a person."""
    known = {key: one for key, one in INTEGRATIONS.items() if one.source is not None}
    for key, one in known.items():
        click.echo(f"{key:<14}{one.title}", err=True)
    type_: str = click.prompt("What will post to it", type=click.Choice(list(known)),
                              show_choices=False, err=True)  # fmt: skip
    called: str = name or click.prompt("Name", default=type_, err=True)
    kind = known[type_].source
    if kind is not None and kind.secret == "pasted" and secret is None:  # noqa: S105
        click.echo("The secret that the sender shows, then Enter; without it Enter alone, and"
                   " later: relay source rotate NAME --secret -", err=True)  # fmt: skip
        secret = "-"  # noqa: S105 - it is read from standard input
    return type_, called, secret


def _no_type() -> NoReturn:
    raise click.UsageError("TYPE is missing: relay source types")


def _pretty(value: object) -> str:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return text.replace("\n", "\n" + " " * 11)


def _few(events: list[str]) -> str:
    return ", ".join(events[:3]) + (" …" if len(events) > 3 else "")  # noqa: PLR2004
