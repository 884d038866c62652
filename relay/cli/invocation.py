"""What every command is given: the four options that are everywhere, and the settings."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import click
import orjson
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from relay.settings import Settings


@dataclass(kw_only=True)
class Invocation:
    """One call of the command line.

    json      print one JSON document and nothing else on standard output
    org       the organization meant, by its name; None: RELAY_ORG, or the only one
    url, key  a remote Relay and its API key, as KEY:SECRET; None: the database of the settings
    """

    env: Mapping[str, str] = field(default_factory=lambda: os.environ)
    json: bool = False
    org: str | None = None
    url: str | None = None
    key: str | None = None

    @cached_property
    def settings(self) -> Settings:
        """Raises InvalidInput for a wrong variable."""
        named = {"RELAY_ORG": self.org} if self.org else {}
        return Settings.from_env({**self.env, **named})

    def show(self, document: object, text: str | Table | Text | Group) -> None:
        """Prints the document as JSON when that was asked for, else the text or table."""
        if self.json:
            option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
            click.echo(orjson.dumps(document, default=str, option=option).decode())
        elif isinstance(text, str):
            click.echo(text)
        elif isinstance(text, Text):
            Console(soft_wrap=True).print(text)
        else:
            Console(width=None if os.isatty(1) else 200).print(text)

    def write(self, texts: Iterable[str]) -> None:
        """Writes a file as it comes; of JSON Lines one document, as `/api/v1` writes a list."""
        for text in _one_document(texts) if self.json else texts:
            click.echo(text, nl=False)


def _one_document(lines: Iterable[str]) -> Iterator[str]:
    yield '{"data":['
    for number, line in enumerate(lines):
        yield ("," if number else "") + line.rstrip()
    yield '],"next":null}\n'


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Rows under their headings, for `Invocation.show`."""
    made = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(safe(cell)) for cell in row))
    return made


def safe(value: object) -> str:
    """A value as text that only shows: what a sender wrote must not move a person's cursor."""
    text = "" if value is None else str(value)
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


_COMMON = (
    (("--json", "json"), {"is_flag": True, "help": "Print one JSON document."}),
    (("--org", "org"), {"metavar": "NAME", "help": "The organization meant."}),
    (("--url", "url"), {"envvar": "RELAY_URL", "help": "Work on a remote Relay at this address."}),
    (("--key", "key"), {"envvar": "RELAY_KEY", "help": "Its API key, as KEY:SECRET."}),
)


def accept_common(command: click.Command) -> click.Command:
    """Puts the four options on a command and all below it, so that `relay --json event list` and
    `relay event list --json` say the same. Done once per command, however often it is called."""
    taken = {param.name for param in command.params}
    for names, settings in _COMMON:
        if names[-1] not in taken:
            command.params.append(
                click.Option(names, expose_value=False, callback=_note, **_typed(settings))
            )
    if isinstance(command, click.Group) and isinstance(command.commands, dict):
        for inner in command.commands.values():
            accept_common(inner)
    return command


def _typed(settings: Mapping[str, object]) -> dict[str, Any]:
    return dict(settings)


def _note(context: click.Context, option: click.Parameter, value: object) -> None:
    if value and option.name is not None:
        setattr(context.ensure_object(Invocation), option.name, value)
