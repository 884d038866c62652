"""Commands that pages show are commands that there are."""

import re
import shlex
from pathlib import Path

import click
import pytest

from relay.cli import cli

PAGES = [Path("docs/rule-operations.md")]
SHOWN = [
    pytest.param(line, id=line)
    for page in PAGES
    for line in re.findall(r"^(?:\$ |\| `)(relay [^|`\n]+)", page.read_text(), re.M)
]


@pytest.mark.parametrize("line", SHOWN)
def test_a_shown_command_is_understood(line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group):
        found = command.get_command(context, words.pop(0))
        assert found is not None, line
        command = found
    command.make_context("relay", words, parent=context)


def test_there_are_commands_to_look_at() -> None:
    assert len(SHOWN) > 15
