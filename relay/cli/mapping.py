"""`relay source fields`, `preview`, `map`: where a source's fields go."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import orjson
from rich.text import Text

from relay.cli.invocation import Invocation, safe
from relay.cli.office import Office, office, pairs
from relay.core.errors import InvalidInput, NotFound
from relay.crm.model import List
from relay.mapping import NOBODY, SEVERAL
from relay.pipeline import arrange, documents, fitting
from relay.pipeline.cells import Cell
from relay.pipeline.fitting import Fitting
from relay.pipeline.preview import Preview

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_LONGEST = 60


@click.command()
@click.argument("name")
@click.option("--list", "list_", metavar="TITLE", help="Which list to look at; else its own.")
@click.pass_obj
def fields(invocation: Invocation, name: str, list_: str | None) -> None:
    """What the sender of a source sends, beside the fields of its list, and what fits."""
    with office(invocation) as at, at.runtime.db.read() as conn:
        found = fitting.fitting(at.runtime, conn, at.org.id, name, into=list_)
    told = documents.fitting(found)
    invocation.show(told, _beside(found))


@click.command()
@click.argument("name")
@click.option("--mapping", type=FILE, help="Try this one instead of the source's own.")
@click.option("--event", metavar="ID", help="On this delivery instead of the last one.")
@click.pass_obj
def preview(invocation: Invocation, name: str, mapping: Path | None, event: str | None) -> None:
    """What a delivery would change, and what would be refused; nothing is done. Fails where
    anything would be refused."""
    with office(invocation) as at:
        given = None if mapping is None else read_mapping(mapping)
        told = fitting.previewed(at.runtime, at.org.id, name, mapping=given, event=event)
    invocation.show(documents.preview(told), shown(told))
    if not told.is_saved:
        raise click.exceptions.Exit(1)


@click.command(name="map")
@click.argument("name")
@click.option("--mapping", type=FILE, help="The whole mapping, as a JSON file.")
@click.option("--usual", is_flag=True, help="The mapping that is right for most.")
@click.option("--none", "nothing", is_flag=True, help="No mapping: the rules alone decide.")
@click.option("--list", "list_", metavar="TITLE", help="The list whose item is updated.")
@click.option("--nobody", type=click.Choice(NOBODY), help="When there is nobody.")
@click.option("--several", type=click.Choice(SEVERAL), help="When the contact has several items.")
@click.option("--field", multiple=True, metavar="SLUG=NAME", help="Fill a field of the list from"
              " one of the sender's; without NAME no more.")  # fmt: skip
@click.option("--value", multiple=True, metavar="SLUG=TEXT", help="Fill it with a text, or an"
              " expression as in rules.")  # fmt: skip
@click.option("--translate", multiple=True, metavar="SLUG:TEXT=OPTION",
              help="What the sender calls an option of the field.")  # fmt: skip
@click.pass_obj
def map_(
    invocation: Invocation,
    name: str,
    mapping: Path | None,
    usual: bool,
    nothing: bool,
    list_: str | None,
    nobody: str | None,
    several: str | None,
    field: tuple[str, ...],
    value: tuple[str, ...],
    translate: tuple[str, ...],
) -> None:
    """Say where the fields of a source go, and see what its last delivery would have become."""
    if sum((mapping is not None, usual, nothing)) > 1:
        raise click.UsageError("one of --mapping, --usual and --none")
    with office(invocation) as at:
        wanted = _wanted(at, name, mapping, nothing=nothing, usual=usual, into=list_)
        changed = {"list": None if usual else list_, "nobody": nobody, "several": several}
        if wanted is not None:
            filled = _filled(at, name, wanted, pairs(field, "--field"), pairs(value, "--value"))
            wanted = _translated(fitting.adjusted(wanted, changed, filled), translate)
        arrange.set_source_mapping(at.runtime, at.org.id, name, wanted, by=at.by)
        if wanted is None:
            invocation.show({"mapping": None}, f"{name} has no mapping: the rules alone decide.")
            return
        try:
            told = fitting.previewed(at.runtime, at.org.id, name)
        except (InvalidInput, NotFound) as error:
            invocation.show({"mapping": wanted, "preview": None}, f"Saved, and not tried: {error}")
            return
    invocation.show({"mapping": wanted, "preview": documents.preview(told)}, shown(told))


def _translated(mapping: dict[str, Any], given: tuple[str, ...]) -> dict[str, Any]:
    """The mapping with further names of options."""
    tables = {slug: dict(table) for slug, table in mapping.get("values", {}).items()}
    for name, option in pairs(given, "--translate").items():
        slug, colon, sent = name.partition(":")
        if not colon:
            raise click.UsageError(f"--translate is SLUG:TEXT=OPTION, not {name}={option}")
        tables.setdefault(slug, {})[sent] = option
    return {**mapping, "values": tables} if tables else mapping


def _wanted(
    at: Office, name: str, file: Path | None, *, nothing: bool, usual: bool, into: str | None
) -> dict[str, Any] | None:
    if nothing:
        return None
    if file is not None:
        return read_mapping(file)
    with at.runtime.db.read() as conn:
        source = arrange.source_called(at.runtime, conn, at.org.id, name)
        if source.mapping and not usual:
            return dict(source.mapping)
        found = fitting.usual(at.runtime, conn, at.org.id, source, into)
    if found is None:
        raise InvalidInput(f"there is no usual mapping for {source.type}: give one by --mapping")
    return found


def _filled(
    at: Office,
    name: str,
    mapping: Mapping[str, Any],
    fields: Mapping[str, str],
    values: Mapping[str, str],
) -> dict[str, object]:
    """Expressions for the fields of the sender that are named; its labels count as names."""
    filled: dict[str, object] = {slug: text or None for slug, text in values.items()}
    if not fields:
        return filled
    with at.runtime.db.read() as conn:
        found = fitting.fitting(at.runtime, conn, at.org.id, name, part=mapping)
    known = {one.label: one for one in reversed(found.senders) if one.label}
    known |= {one.name: one for one in reversed(found.senders)}
    for slug, sent in fields.items():
        if sent and sent not in known:
            raise InvalidInput(f"{name} sends no field {sent!r}: relay source fields {name}")
        filled[slug] = known[sent].expression if sent else None
    return filled


def read_mapping(path: Path) -> dict[str, Any]:
    """A mapping from a JSON file. Raises InvalidInput."""
    try:
        found = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{path} holds no mapping: {{…}} is one")
    return found


def ask_mapping(at: Office, name: str) -> None:
    """Asks a person on a terminal where the fields go: the list, whom to make, and each field that
    fits; then shows what a delivery would become."""
    with at.runtime.db.read() as conn:
        source = arrange.source_called(at.runtime, conn, at.org.id, name)
        if at.runtime.setups.of(conn, at.org.id).crm is not None:
            return  # nothing of a CRM elsewhere can be looked at before the first delivery
        found = fitting.fitting(at.runtime, conn, at.org.id, name)
    if source.mapping is None or not found.lists or "number" in source.mapping:
        return
    titles = [one.title for one in found.lists]
    into = click.prompt("Update the list", type=click.Choice(titles), err=True,
                        default=found.into.title if found.into else titles[0])  # fmt: skip
    nobody = click.prompt("When there is nobody", type=click.Choice(NOBODY), default="create",
                          err=True)  # fmt: skip
    several = click.prompt("When there are several items", type=click.Choice(SEVERAL),
                           default="usual", err=True)  # fmt: skip
    with at.runtime.db.read() as conn:
        mapping = fitting.usual(at.runtime, conn, at.org.id, source, into) or dict(source.mapping)
        found = fitting.fitting(at.runtime, conn, at.org.id, name, part=mapping)
    offered = {**mapping.get("fields", {}), **found.proposed}
    kept = {slug: text if _takes(found, slug, str(text)) else None
            for slug, text in offered.items()}  # fmt: skip
    wanted = fitting.adjusted(mapping, {"nobody": nobody, "several": several}, kept)
    arrange.set_source_mapping(at.runtime, at.org.id, name, wanted, by=at.by)
    click.echo(f"\n{shown(fitting.previewed(at.runtime, at.org.id, name)).plain}", err=True)


def _takes(found: Fitting, slug: str, expression: str) -> bool:
    sender, column = found.names.get(expression), _field_of(found.into, slug)
    called = f"{sender.name} (sent {_cut(sender.sent)})" if sender else expression
    return click.confirm(f"{column} from {called}", default=True, err=True)


def _field_of(into: List | None, slug: str) -> str:
    one = into.fields.by_name.get(slug) if into else None
    return one.name if one else slug


def _beside(found: Fitting) -> Text:
    """Two tables and what fits."""
    title = found.into.title if found.into else "no list"
    fits = {text: slug for slug, text in found.proposed.items()}
    mapped = {str(text): slug for slug, text in
              fitting.first_part(found.source).get("fields", {}).items()}  # fmt: skip
    lines = Text()
    for number, one in enumerate(found.senders):
        before = number and found.senders[number - 1].is_fact
        if number == 0 or (before and not one.is_fact):
            title_of = "Found by Relay" if one.is_fact else "Sent"
            lines.append(f"{title_of}\n", style="bold")
        name = one.name if not one.label or one.label == one.name else f"{one.name} · {one.label}"
        goes = mapped.get(one.expression)
        fit = fits.get(one.expression)
        to = f"→ {goes}" if goes else f"fits {fit}" if fit else ""
        lines.append(f"  {safe(name)[:38]:<39}{safe(_cut(one.sent)):<{_LONGEST + 1}}")
        lines.append(f"{to}\n", style="bold" if goes else "dim")
    lines.append(f"\nFields of {title}: ", style="bold")
    known = found.into.fields.all if found.into else ()
    lines.append(", ".join(f"{one.slug} ({one.type.value})" for one in known if one.is_editable))
    if all(one.event is None for one in found.delivered):
        lines.append("\nNothing has come in yet: these are the fields of a sample.", style="dim")
    return lines


def shown(told: Preview) -> Text:
    """A preview for a person: whom it finds, each field now and then, what is refused and why."""
    lines = Text()
    lines.append(f"{told.event or 'a sample'}, {told.type}\n", style="dim")
    for word, one in (("contact", told.contact), ("item", told.item)):
        if one:
            lines.append(_found(word, one))
    for cell in told.cells:
        lines.append(f"  {safe(cell.name):<22}")
        lines.append(f"{safe(_become(cell))}\n", style="red" if cell.refused else "")
    if told.stream:
        lines.append(f"stream: {safe(told.stream.get('subject'))}\n")
    for name in told.starts:
        lines.append(f"starts the rule: {safe(name)}\n")
    stopped = f"it would stop: {told.stopped}" if told.stopped else ""
    for text, style in ((told.note, "dim"), (stopped, "red")):
        if text:
            lines.append(f"{safe(text)}\n", style=style)
    return lines


def _found(word: str, one: Mapping[str, object]) -> Text:
    made = "made" if one.get("created") else "found"
    line = Text(f"{word} {made}: {safe(one.get('name') or one.get('email'))}\n")
    return line.append(f"{safe(one['note'])}\n", style="yellow") if one.get("note") else line


def _become(cell: Cell) -> str:
    if cell.refused:
        return f"refused: {cell.refused}" + (f" (from {cell.origin})" if cell.origin else "")
    return "the same" if cell.now == cell.then else f"{_cut(cell.now)} → {_cut(cell.then)}"


def _cut(value: object) -> str:
    if value is None or value == "":
        return "empty"
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
