"""`relay send-sample`: tries a source out with its sender's own request."""

from typing import Any

import click

from relay.cli.invocation import Invocation, safe
from relay.cli.office import office
from relay.pipeline import sample


@click.command(name="send-sample")
@click.argument("type_", metavar="TYPE")
@click.option("--source", "name", metavar="NAME", help="Which source, where there are several.")
@click.option("--case", metavar="NAME", help="Another of its samples.")
@click.pass_obj
def send_sample(invocation: Invocation, type_: str, name: str | None, case: str | None) -> None:
    """Send a signed sample of TYPE to the running Relay, as its sender would.

    Exit status 1 when it is refused.
    """
    with office(invocation) as at:
        with at.runtime.db.read() as conn:
            row = sample.source_for(conn, at.runtime, at.org.id, type_, name)
        sent = sample.send(at.runtime, row, case, by=at.by)
    told = sample.document(sent)
    invocation.show(told, _text(told))
    if not told["accepted"]:
        raise click.exceptions.Exit(1)


def _text(told: dict[str, Any]) -> str:
    first = f"Sent {told['case']} to {told['source']}: answered {told['status']}."
    if told["event_id"] is None:
        return first
    became = f"It is {told['event_id']}, {told['state']}"
    why = f": {safe(told['reason'])}" if told["reason"] else ""
    return f"{first} {became}{why}. relay event show {told['event_id']} tells the rest."
