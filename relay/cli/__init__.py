"""The command line: `relay NOUN VERB`. A noun's module is imported when it is called.

To add a noun: a line in `COMMANDS`, and a module whose commands take `@click.pass_obj` and get the
`Invocation`. `--json`, `--org`, `--url` and `--key` are put on every command here.
"""

import os
import sys
from importlib import import_module
from typing import Any

import click

import relay
from relay.cli.invocation import Invocation, accept_common
from relay.core.errors import InvalidInput, RelayError

# name → where the command is, and what the list of commands says of it
COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("relay.cli.up:up", "Start everything on this machine."),
    "web": ("relay.cli.up:web", "Run the web server."),
    "worker": ("relay.cli.up:worker", "Run a Celery worker."),
    "beat": ("relay.cli.up:beat", "Run the schedule; one of it is enough."),
    "demo": ("relay.cli.demo:demo", "Play the whole story against the sandboxes."),
    "db": ("relay.cli.db:db", "Look after the store."),
    "org": ("relay.cli.orgs:org", "Make organizations, and set what is theirs."),
    "user": ("relay.cli.users:user", "Let people sign in."),
    "key": ("relay.cli.keys:key", "Make and revoke API keys."),
    "list": ("relay.cli.lists:lists", "Make, rename and delete lists."),
    "field": ("relay.cli.lists:fields", "Make, rename and delete a list's fields."),
    "option": ("relay.cli.lists:options", "Make, rename and delete a field's choices."),
    "import": ("relay.cli.files:bring_in", "Bring contacts, accounts or items in from a file."),
    "export": ("relay.cli.files:write_out", "Write contacts, accounts or items out."),
    "source": ("relay.cli.sources:source", "Take webhooks in."),
    "send-sample": ("relay.cli.samples:send_sample", "Try a source out with its sender's request."),
    "connection": ("relay.cli.connections:connection", "Connect accounts at providers."),
    "target": ("relay.cli.targets:target", "Name the addresses that rules send to."),
    "hook": ("relay.cli.hooks:hook", "Tell anybody's URL of events."),
    "rules": ("relay.cli.rules:rules", "Check, test and apply rules."),
    "event": ("relay.cli.events:event", "See what arrived and what became of it."),
    "run": ("relay.cli.runs:run", "See what the rules did."),
    "delivery": ("relay.cli.deliveries:delivery", "See what was sent out."),
    "booking": ("relay.cli.bookings:booking", "See what was booked, and what does not agree."),
    "doctor": ("relay.cli.doctor:doctor", "Look for what keeps Relay from working here."),
}


class Nouns(click.Group):
    """Imports a command when it is called, and tells our errors in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return accept_common(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RelayError as error:
            raise click.ClickException(_sentence(error)) from error


@click.group(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(relay.__version__, prog_name="relay")
@click.pass_context
def cli(context: click.Context) -> None:
    """Receives webhooks, keeps the CRM true and books each sale once."""
    # A test, or a program that calls a command, may bring an Invocation of its own.
    context.ensure_object(Invocation)


def main() -> None:
    """The `relay` program. Exit status: 0 done, 1 it failed or found something, 2 wrong use."""
    cli.main(args=sys.argv[1:], prog_name="relay", obj=Invocation(env=os.environ))


def _sentence(error: RelayError) -> str:
    if not isinstance(error, InvalidInput) or not error.fields:
        return str(error)
    wrong = "; ".join(f"{name}: {', '.join(texts)}" for name, texts in error.fields.items())
    return f"{error} ({wrong})"


accept_common(cli)
