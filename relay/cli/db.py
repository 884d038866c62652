"""`relay db`: the store."""

import click

from relay import bootstrap
from relay.cli.invocation import Invocation
from relay.cli.office import store, who
from relay.pipeline import keyring


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


@db.command()
@click.pass_obj
def reseal(invocation: Invocation) -> None:
    """Seal stored credentials anew under the newest of RELAY_SECRET_KEYS. Then the older keys are
    needed no more."""
    with store(invocation) as runtime:
        found = keyring.turn(runtime, by=who())
    count = sum(found.values())
    told = ", ".join(f"{number} {name}" for name, number in found.items())
    words = f"Sealed anew: {told}." if count else "Everything is sealed under the newest key."
    invocation.show({"resealed": found}, words)
