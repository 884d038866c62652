"""`relay import` and `relay export`: contacts, accounts and list items in files."""

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.text import Text

from relay.cli import files_afar
from relay.cli.invocation import Invocation, safe
from relay.cli.office import office
from relay.crm.embedded.schema import schema
from relay.crm.port import Author
from relay.pipeline import exports, imports
from relay.pipeline.imports import KINDS, Order, Report
from relay.storage.rows import FORMATS, format_of

_KIND = click.argument("kind", type=click.Choice(KINDS))
_LIST = click.option("--list", "list_", metavar="LIST", help="The list of the items.")
_SHOWN = 20
_EACH = 1000  # lines that are written until it is said again how many


@click.command(name="import")
@_KIND
@click.argument(
    "path",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@_LIST
@click.option("--format", "format_", type=click.Choice(FORMATS), help="Else by the file's name.")
@click.option("--match", type=click.Choice(["contact", "account"]),
              help="An item with the line's contact or account is updated.")  # fmt: skip
@click.option("--check", is_flag=True, help="Look for bad lines, and store nothing.")
@click.option("--skip-bad", is_flag=True, help="Store the other lines although some are bad.")
@click.option("--rules", is_flag=True, help="Let what is new or changes set the rules off.")
@click.pass_obj
def bring_in(
    invocation: Invocation,
    kind: str,
    path: Path,
    list_: str | None,
    format_: str | None,
    match: str | None,
    check: bool,
    skip_bad: bool,
    rules: bool,
) -> None:
    """Bring contacts, accounts or items in from FILE (`-`: standard input).

    While a line is bad nothing is stored. Sent again, a file makes nothing twice. With --url it
    goes to a remote Relay, a large one in parts.
    """
    format_ = format_ or format_of(path.name)
    if invocation.url is not None:
        query = {"format": format_, "match": match, "check": check, "skip_bad": skip_bad,
                 "rules": rules}  # fmt: skip
        with _opened(path) as stream, _progress() as told:
            report = files_afar.bring_in(invocation, kind, list_, stream, query, told)
        _close(invocation, report, check=check)
        return
    with office(invocation, wakes=rules) as at, _opened(path) as stream, _progress() as told:
        with at.runtime.db.read() as conn:
            list_id = schema(conn, at.org.id).called(list_).id if list_ else None
        order = Order(
            org=at.org.id,
            kind=kind,
            format=format_,
            author=Author(kind="person", ref=at.by),
            list_id=list_id,
            match=match,
            rules=rules,
            skip_bad=skip_bad,
            check=check,
        )
        report = imports.bring_in(at.runtime, order, stream, told)
    _close(invocation, report, check=check)


@click.command(name="export")
@_KIND
@_LIST
@click.option("--format", "format_", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.pass_obj
def write_out(invocation: Invocation, kind: str, list_: str | None, format_: str) -> None:
    """Write contacts, accounts or items to standard output; with --url those of a remote Relay."""
    wanted = "jsonl" if invocation.json else format_
    if invocation.url is not None:
        with files_afar.written_out(invocation, kind, list_, wanted) as texts, _progress() as told:
            invocation.write(_counted(texts, told))
        return
    with office(invocation) as at, _progress() as told:
        with at.runtime.db.read() as conn:
            list_id = schema(conn, at.org.id).called(list_).id if list_ else None
        texts = exports.of_kind(at.runtime.db, at.org.id, kind, wanted, list_id)
        invocation.write(_counted(texts, told))


def _counted(texts: Iterable[str], told: imports.Told) -> Iterator[str]:
    """Says how many lines are written, where they do not run over the terminal themselves."""
    lines, said, is_seen = 0, 0, sys.stdout.isatty()
    for text in texts:
        yield text
        lines += text.count("\n")
        if not is_seen and lines >= said + _EACH:
            told("written", lines, None)
            said = lines


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A file that can be read twice: standard input is kept beside first."""
    if str(path) != "-":
        with path.open("rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as kept:
        shutil.copyfileobj(sys.stdin.buffer, kept)
        yield kept


@contextmanager
def _progress() -> Iterator[imports.Told]:
    """A bar on a terminal; silence in a pipe."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        tasks: dict[str, Any] = {}

        def told(what: str, done: int, of: int | None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(f"lines {what}", total=of)
            bar.update(tasks[what], completed=done)

        yield told


def _close(invocation: Invocation, report: Report, *, check: bool) -> None:
    invocation.show(report.document(), _told(report, check=check))
    if report.bad_lines:
        raise SystemExit(1)


def _told(report: Report, *, check: bool) -> Text:
    made = report.outcomes
    text = Text()
    for one in report.bad[:_SHOWN]:
        text.append(f"line {one.number}: ", style="red").append(f"{safe(one.reason)}\n")
    if report.bad_lines > _SHOWN:
        text.append(f"… and {report.bad_lines - _SHOWN} more\n", style="dim")
    if report.stored:
        text.append(f"{report.lines} lines: {made['created']} created, {made['updated']} updated, "
                    f"{made['same']} there already, {report.bad_lines} left out.")  # fmt: skip
    elif check and not report.bad_lines:
        text.append(f"{report.lines} lines, none of them bad.")
    else:
        text.append(f"{report.bad_lines} of {report.lines} lines are bad; nothing was stored.")
    return text
