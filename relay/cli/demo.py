"""`relay demo`: the story from a form to a booked sale, on a home that is gone afterwards."""

import time
from pathlib import Path

import click
import orjson
from rich.console import Group

from relay import demo as stories
from relay.cli.invocation import Invocation, table
from relay.core.clock import SystemClock
from relay.demo.home import started
from relay.demo.story import Told

PROCESSES = ("web", "worker", "beat", "broker")


@click.command()
@click.option("--out", default="demo.json", show_default=True, help="Where the outcome is written.")
@click.option("--kill", type=click.Choice(PROCESSES), help="End this process in mid-story.")
@click.pass_obj
def demo(invocation: Invocation, out: str, kill: str | None) -> None:
    """Play the whole story against the sandboxes, and say what came of it.

    Exit status 1 when anything is missing or doubled.
    """
    began = time.monotonic()
    with started(invocation.settings, invocation.env) as home:
        told = stories.tell(home, SystemClock(), kill=kill)
    document = {**told.document(), "seconds": round(time.monotonic() - began, 1)}
    Path(out).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    invocation.show(document, _text(told, document["seconds"], out))
    if not told.ok:
        raise click.exceptions.Exit(1)


def _text(told: Told, seconds: object, out: str) -> Group:
    rows = [
        ("ok" if one.ok else "WRONG", one.part, one.what, one.found, one.why or "")
        for one in told.lines
    ]
    books = [
        (one["provider"], one["kind"], one["number"], one["customer"],
         f"{one['amount']} {one['currency']}", one["state"])
        for one in told.books
    ]  # fmt: skip
    verdict = "Everything is there once" if told.ok else "Something is WRONG"
    return Group(
        table(("", "part", "what", "came of it", "why"), rows),
        "",
        table(("books", "kind", "number", "customer", "amount", "state"), books),
        f"\n{verdict}. {seconds} s; {out} has it all.",
    )
