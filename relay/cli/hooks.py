"""`relay hook`: URLs that are told of events as they happen."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from rich.text import Text

from relay.cli.invocation import Invocation, safe
from relay.cli.listing import cell, show, why
from relay.cli.listing import state as state_cell
from relay.cli.office import Office, ask, office, pairs
from relay.core.catalogue_page import page
from relay.core.errors import InvalidInput
from relay.core.hook import FORMATS, HANDSHAKES, ON_EXHAUSTED, ORDERINGS, Hook
from relay.pipeline import portal as links
from relay.pipeline import redeliver, subscribe, trial
from relay.pipeline.catalogue import types_of
from relay.pipeline.crm_lists import all_lists
from relay.pipeline.hook_documents import event_type, order
from relay.pipeline.hook_documents import hook as document
from relay.pipeline.plain import time
from relay.storage import hook_health
from relay.storage import hooks as stored


@click.group()
def hook() -> None:
    """Tell anybody's URL of events as they happen."""


@hook.command(name="list")
@click.pass_obj
def list_(invocation: Invocation) -> None:
    """Every hook, and how it fares."""

    def here(at: Office) -> dict[str, Any]:
        with at.runtime.db.read() as conn:
            found = stored.all_hooks(conn, at.runtime.vault, at.org.id)
        return {"data": [_told(at, one) for one in found], "next": None}

    columns = (
        cell("id"),
        cell("event"),
        ("url", lambda row: row["target_url"]),
        ("state", state_cell),
        ("failures", lambda row: (row["health"] or {}).get("failures")),
        ("last success", lambda row: (row["health"] or {}).get("last_success_at")),
        ("why", why),
    )
    none = "There is no hook yet: relay hook create EVENT URL"
    show(invocation, ask(invocation, "hooks", {}, here), columns, none)


@hook.command()
@click.option("--markdown", is_flag=True, help="Ours, as the page docs/events.md.")
@click.pass_obj
def events(invocation: Invocation, *, markdown: bool) -> None:
    """The types of event there are, each with its JSON Schema (--json) and what it tells."""
    if markdown:
        click.echo(page(), nl=False)
        return

    def here(at: Office) -> dict[str, Any]:
        with at.runtime.db.read() as conn:
            known = types_of(at.runtime.setups.of(conn, at.org.id))
        return {"data": [event_type(one) for one in known.values()], "next": None}

    columns = (cell("type"), ("from", lambda row: row["origin"]), cell("about"))
    show(invocation, ask(invocation, "hooks/events", {}, here), columns, "")


@hook.command()
@click.pass_obj
def lists(invocation: Invocation) -> None:
    """The lists that a hook can be kept to, Relay's own and those of a CRM elsewhere."""

    def here(at: Office) -> dict[str, Any]:
        with at.runtime.db.read() as conn:
            found = all_lists(at.runtime, conn, at.org.id)
        return {"data": [found.document(one) for one in found.all], "next": None}

    columns = (cell("id"), cell("title"), cell("type"), ("of", lambda row: row["crm"] or "Relay"))
    show(invocation, ask(invocation, "hooks/lists", {}, here), columns, "There is no list yet.")


@hook.command()
@click.argument("event")
@click.argument("url")
@click.option("--list", "list_id", metavar="LIST", help="Items of this list alone.")
@click.option("--account", "account_id", metavar="ID", help="What is about this account alone.")
@click.option("--if", "condition", metavar="CEL", help="Only where this holds, as in rules.")
@click.option("--format", type=click.Choice(FORMATS), default="flat", show_default=True)
@click.option("--ordering", type=click.Choice(ORDERINGS), default="none", show_default=True)
@click.option("--on-exhausted", type=click.Choice(ON_EXHAUSTED), default="skip", show_default=True)
@click.option("--header", multiple=True, metavar="NAME=VALUE", help="Sent with each message.")
@click.option("--schedule", metavar="SECONDS,…", help="The waits after each failure, or `none`.")
@click.option("--max-per-second", type=float)
@click.option(
    "--max-in-flight",
    type=int,
    help="On their way at once, over all workers. Without it: 5 in each process of a worker.",
)
@click.option("--timeout", type=float, default=15.0, show_default=True)
@click.option("--handshake", type=click.Choice(HANDSHAKES), default="none", show_default=True,
              help="Ask the address first whether it wants to be told.")  # fmt: skip
@click.option("--scheme", type=click.Choice(subscribe.SCHEMES), default="hmac", show_default=True)
@click.pass_obj
def create(
    invocation: Invocation,
    /,
    *,
    event: str,
    url: str,
    header: tuple[str, ...],
    schedule: str | None,
    **given: Any,
) -> None:
    """Tell URL of EVENT (list_item.updated, deal.*, …); what verifies its messages is shown this
    once."""
    new = subscribe.NewHook(
        event=event,
        url=url,
        headers=pairs(header, "--header"),
        schedule=_schedule(schedule),
        **given,
    )
    with office(invocation) as at:
        made = subscribe.subscribe(at.runtime, at.org.id, new, by=at.by)
        told = _told(at, made.hook)
    if not made.is_new:
        invocation.show(told, f"{told['id']} tells {told['target_url']} of {event} already.")
        return
    _show(invocation, told, made.secret)


@hook.command()
@click.argument("id")
@click.pass_obj
def delete(invocation: Invocation, id: str) -> None:
    """Tell its URL nothing more; what waited for it is cancelled."""
    with office(invocation) as at:
        was_there = subscribe.unsubscribe(at.runtime, at.org.id, id, by=at.by)
    text = f"{id} is deleted." if was_there else f"There was no {id}."
    invocation.show({"id": id, "deleted": True}, text)


@hook.command()
@click.argument("id")
@click.pass_obj
def test(invocation: Invocation, id: str) -> None:
    """Send a signed sample now, and show what came back."""
    with office(invocation) as at:
        found = trial.send_sample(at.runtime, at.org.id, id, by=at.by)
    answer = found["error"] or f"answered {found['status']}"
    invocation.show(found, f"{found['sent']}\n{safe(answer)}\n{safe(found['body'])}")
    if found["status"] is None or not 200 <= found["status"] < 300:  # noqa: PLR2004 - HTTP's own
        raise SystemExit(1)


@hook.command()
@click.argument("id")
@click.pass_obj
def pause(invocation: Invocation, id: str) -> None:
    """Hold what it would be told."""
    with office(invocation) as at:
        row = subscribe.set_state(at.runtime, at.org.id, id, "paused", by=at.by)
        told = _told(at, row)
    invocation.show(told, f"{id} is paused. relay hook enable {id} lets it go on.")


@hook.command()
@click.argument("id")
@click.option("--recover", is_flag=True, help="Send what failed or was held, too.")
@click.option("--since", type=click.DateTime(), help="With --recover: what was made since then.")
@click.pass_obj
def enable(invocation: Invocation, id: str, *, recover: bool, since: datetime | None) -> None:
    """Tell it again of what happens from now on."""
    from_then = None if since is None else since.replace(tzinfo=UTC)
    with office(invocation, wakes=True) as at:
        row = subscribe.set_state(at.runtime, at.org.id, id, "active", by=at.by)
        told = _told(at, row)
        text = f"{id} is active."
        if recover:
            made = order(
                redeliver.recover(at.runtime, at.org.id, id, by=at.by, since=from_then)
            )  # fmt: skip
            told |= {"recovery": made}
            text += f" {made['queued']} deliveries are sent again."
    invocation.show(told, text)


@hook.command()
@click.argument("id")
@click.option("--overlap", "hours", type=float, default=24.0, show_default=True,
              help="Hours for which the old secret goes on signing, 0 to 168.")  # fmt: skip
@click.option("--scheme", type=click.Choice(subscribe.SCHEMES), help="Sign with another scheme.")
@click.pass_obj
def rotate(invocation: Invocation, id: str, hours: float, scheme: str | None) -> None:
    """A new secret, shown this once."""
    with office(invocation, wakes=True) as at:
        row, secret = subscribe.rotate(
            at.runtime, at.org.id, id, by=at.by, overlap=timedelta(hours=hours), scheme=scheme
        )
        told = _told(at, row)
    _show(invocation, told, secret)


@hook.command()
@click.argument("id")
@click.option("--hours", type=float, default=168.0, show_default=True, help="Up to 720.")
@click.pass_obj
def portal(invocation: Invocation, id: str, hours: float) -> None:
    """A link for the subscriber: the hook's deliveries, retries, and a new secret."""
    with office(invocation) as at:
        url, ends = links.make_link(
            at.runtime, at.org.id, id, by=at.by, lasts=timedelta(hours=hours)
        )
    invocation.show({"url": url, "expires_at": time(ends)}, url)


def _told(at: Office, row: Hook) -> dict[str, Any]:
    with at.runtime.db.read() as conn:
        health = hook_health.healths(conn, [row.id])
    return document(row, health.get(row.id), at.runtime.clock.now())


def _schedule(text: str | None) -> Sequence[float] | str | None:
    if text in (None, "none"):
        return text
    try:
        return [float(one) for one in str(text).split(",")]
    except ValueError as error:
        raise InvalidInput("--schedule is seconds with commas between, or none") from error


def _show(invocation: Invocation, told: dict[str, Any], secret: str | None) -> None:
    lines = Text()
    for name in ("id", "event", "target_url", "filter", "format", "state"):
        if told[name]:
            lines.append(f"{name:<11}", style="dim").append(f"{safe(str(told[name]))}\n")
    if secret is not None:
        kind = "public key" if told["scheme"] == "ed25519" else "secret"
        lines.append(f"{kind:<11}", style="dim").append(f"{secret}   (shown this once)\n")
    invocation.show(told | ({} if secret is None else {"secret": secret}), lines)
