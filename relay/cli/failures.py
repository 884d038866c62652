"""`relay run failures|retry|dismiss`: what failed, by cause, and looking after all of one cause."""

from typing import Any

import click

from relay.cli.invocation import Invocation, safe
from relay.cli.listing import cell, clock, show
from relay.cli.many_runs import times_table
from relay.cli.office import Office, ask, tell
from relay.pipeline import failures as looked_after
from relay.pipeline import replay

Document = dict[str, Any]


@click.command()
@click.pass_obj
def failures(invocation: Invocation) -> None:
    """What failed and nobody has looked after, by rule and cause."""
    page = ask(
        invocation, "failures", {},
        lambda at: {"data": looked_after.listed(at.runtime, at.org.id), "next": None},
    )  # fmt: skip
    columns = (
        cell("cause"), cell("runs"), cell("rule"), cell("connector"),
        ("last", clock("last_at")), ("reason", lambda row: safe(row["reason"])),
    )  # fmt: skip
    show(invocation, page, columns, "Nothing has failed that waits for anybody.")


@click.command()
@click.argument("cause")
@click.option(
    "--first",
    "limit",
    default=looked_after.MOST,
    show_default=True,
    type=click.IntRange(1, looked_after.MOST),
    help="So many at most, the oldest first.",
)
@click.option("--ran", is_flag=True, help="By the version that ran, not the live one.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.pass_obj
def retry(invocation: Invocation, cause: str, limit: int, ran: bool, yes: bool) -> None:
    """Do the runs that failed of CAUSE again. Says what will run, and asks; with --json it only
    says so until you give --yes."""
    version = replay.RAN if ran else replay.CURRENT
    asked = {"cause": cause, "version": version, "limit": limit}
    plan = tell(
        invocation, "failures/replay", asked,
        lambda at: looked_after.foretell(at.runtime, at.org.id, cause, version, limit),
    )  # fmt: skip
    if not yes:
        invocation.show({**plan, "begun": None}, times_table(plan["steps"]))
        if invocation.json or not click.confirm(f"Do {plan['chosen']} of {plan['runs']} again?"):
            return

    def here(at: Office) -> Document:
        found = (at.runtime, at.org.id, cause, version, limit)
        done = looked_after.replay_all(*found, by=at.by)
        return {"begun": done["runs"], "refused": done["refused"]}

    done = tell(invocation, "failures/replay", {**asked, "begin": True}, here)
    told = [f"{len(done['begun'])} runs are under way.", *map(safe, done["refused"])]
    invocation.show({**plan, **done}, "\n".join(told))


@click.command()
@click.argument("cause")
@click.option("--reason", required=True, help="Why nothing is to be done.")
@click.pass_obj
def dismiss(invocation: Invocation, cause: str, reason: str) -> None:
    """Nobody needs to look after the runs that failed of CAUSE; they stay as they are."""

    def here(at: Office) -> Document:
        return {"runs": looked_after.dismiss(at.runtime, at.org.id, cause, reason, by=at.by)}

    done = tell(invocation, "failures/dismiss", {"cause": cause, "reason": reason}, here)
    invocation.show(done, f"{done['runs']} runs are dismissed.")
