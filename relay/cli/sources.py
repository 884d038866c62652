"""`relay source`: inbound addresses."""

from pathlib import Path
from typing import Any

import click
import orjson
from rich.text import Text

from relay.cli.invocation import Invocation, safe, table
from relay.cli.listing import state as state_cell
from relay.cli.office import Office, office, pairs, secret_from, value
from relay.core.errors import InvalidInput
from relay.integrations import INTEGRATIONS
from relay.pipeline import arrange, documents
from relay.storage import connections, sources
from relay.storage.sources import SourceRow

_SECRET = click.option("--secret", metavar="-", help="The sender's own: `-` reads it from standard"
                                                     " input.")  # fmt: skip


@click.group()
def source() -> None:
    """Take webhooks in."""


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
@click.argument("type_", metavar="TYPE")
@click.option("--name", help="What rules call it; else the type.")
@_SECRET
@click.option("--option", multiple=True, metavar="NAME=VALUE", help="See relay source types.")
@click.option("--mapping", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A JSON file that says where the fields go.")  # fmt: skip
@click.option("--no-mapping", is_flag=True, help="Not the usual mapping either: rules decide.")
@click.option("--connection", metavar="NAME", help="Completes what the sender only names.")
@click.pass_obj
def create(
    invocation: Invocation,
    type_: str,
    name: str | None,
    secret: str | None,
    option: tuple[str, ...],
    mapping: Path | None,
    no_mapping: bool,
    connection: str | None,
) -> None:
    """A new inbound address of TYPE; a secret that we make is shown this once."""
    new = arrange.NewSource(
        type=type_,
        name=name or type_,
        secret=_given(secret),
        options={key: value(text) for key, text in pairs(option, "--option").items()},
        mapping=None if mapping is None else _json(mapping),
        connection=connection,
        unmapped=no_mapping,
    )
    with office(invocation) as at:
        row, made = arrange.create_source(at.runtime, at.org.id, new, by=at.by)
        told = _told(at, row)
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
    for name in ("name", "type", "state", "reason", "connection", "url", "options", "mapping"):
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


def _json(path: Path) -> dict[str, Any]:
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} holds no mapping: {{…}} is one")
    return found


def _pretty(value: object) -> str:
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return text.replace("\n", "\n" + " " * 11)


def _few(events: list[str]) -> str:
    return ", ".join(events[:3]) + (" …" if len(events) > 3 else "")  # noqa: PLR2004
