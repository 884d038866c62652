"""`relay up` and the single processes: thin commands that start the right program."""

import os
import sys

import click

from relay.cli.invocation import Invocation
from relay.supervisor import programs
from relay.variables import strangers


@click.command()
@click.pass_obj
def up(invocation: Invocation) -> None:
    """Start broker, web, worker and beat on this machine, and keep them running.

    Makes the first organization on an empty home. Ctrl-C stops everything.
    """
    # Imported here: the other processes need none of it.
    from relay.supervisor import up as supervisor
    from relay.supervisor import welcome

    _warn(invocation)
    settings = invocation.settings
    path = settings.home / welcome.FILE

    def greet(document: welcome.Welcome) -> None:
        command = supervisor.command()
        invocation.show(document, welcome.text(document, command=command, path=path))
        sys.stdout.flush()

    supervisor.up(settings, invocation.env, greet=greet)


@click.command()
@click.option("--workers", default=1, show_default=True, help="Server processes.")
@click.pass_obj
def web(invocation: Invocation, workers: int) -> None:
    """Run the web server."""
    _warn(invocation)
    _become(programs.web_command(invocation.settings, workers=workers))


@click.command()
@click.option("--concurrency", default=programs.CHILDREN, show_default=True, help="Children.")
@click.pass_obj
def worker(invocation: Invocation, concurrency: int) -> None:
    """Run a Celery worker."""
    _warn(invocation)
    _ = invocation.settings  # a wrong one is told here in one line, not from inside Celery
    _become(programs.worker_command(concurrency=concurrency))


@click.command()
@click.pass_obj
def beat(invocation: Invocation) -> None:
    """Run the schedule. One of it is enough; two do no harm."""
    _warn(invocation)
    settings = invocation.settings
    (settings.home / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
    _become(programs.beat_command(settings))


def _warn(invocation: Invocation) -> None:
    for sentence in strangers(invocation.env):
        click.echo(f"Warning: {sentence}", err=True)


def _become(command: list[str]) -> None:
    """This process becomes the program, so that signals reach it."""
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - our own command lines
