"""`relay db`: the store."""

import click

from relay import bootstrap
from relay.cli.invocation import Invocation


@click.group()
def db() -> None:
    """Look after the store."""


@db.command()
@click.pass_obj
def upgrade(invocation: Invocation) -> None:
    """Bring the tables to this version. The Procfile's `release` runs it before a new version."""
    invocation.settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    bootstrap.upgrade(invocation.settings)
    invocation.show({"upgraded": True}, "The store is up to date.")
