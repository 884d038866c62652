"""`relay run replay|cancel` and `relay event replay`: what will happen is said first."""

from typing import Any

import click
from rich.table import Table

from relay.cli.invocation import Invocation, table
from relay.cli.listing import row_number
from relay.cli.many_runs import chosen, is_one, many_again, many_ended, safety, steps_table
from relay.cli.office import Office, ask, tell
from relay.core.ids import public
from relay.pipeline import events_again, replay
from relay.pipeline.replay import Wanted

Document = dict[str, Any]

_YES = click.option("--yes", is_flag=True, help="Do it without asking.")


@click.command(name="replay")
@click.argument("ids", nargs=-1, metavar="[ID]…")
@click.option("--whole", is_flag=True, help="All steps, not the failed ones alone.")
@click.option("--current", is_flag=True, help="By the live version, not the one that ran.")
@chosen
@_YES
@click.pass_obj
def run_again(
    invocation: Invocation,
    /,
    ids: tuple[str, ...],
    whole: bool,
    current: bool,
    yes: bool,
    **choice: Any,
) -> None:
    """Do the run ID again: its failed steps by the version that ran, unless you say otherwise. Says
    what will run, and asks; with --json it only says so until you give --yes.

    Several IDs, or a filter (then what failed, unless it says --state), are done again at one go,
    the oldest first; what was done again or dismissed already is left out.
    """
    version = replay.CURRENT if current else replay.RAN
    wanted = Wanted(what=replay.WHOLE if whole else replay.FAILED, version=version)
    if is_one(ids, choice):
        _one_again(invocation, row_number("run", ids[0]), wanted, yes=yes)
        return
    many_again(invocation, ids, choice, version, replay.WHOLE if whole else None, yes=yes)


def _one_again(invocation: Invocation, number: int, wanted: Wanted, *, yes: bool) -> None:
    path, asked = f"runs/{public('run', number)}/replay", {"what": wanted.what,
                                                          "version": wanted.version}  # fmt: skip
    plan = ask(
        invocation, path, asked,
        lambda at: replay.foretell(at.runtime, at.org.id, number, wanted),
    )  # fmt: skip
    if not _agreed(invocation, plan, steps_table(plan["steps"]), yes):
        return

    def here(at: Office) -> Document:
        done = replay.replay(at.runtime, at.org.id, number, wanted, by=at.by)
        return {"run": public("run", done)}

    done = tell(invocation, path, asked, here)
    invocation.show({**plan, "replayed": True, "as": done["run"]}, f"{done['run']} is under way.")


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]…")
@chosen
@_YES
@click.pass_obj
def cancel(invocation: Invocation, /, ids: tuple[str, ...], yes: bool, **choice: Any) -> None:
    """End the run ID, which waits or is held, for good.

    Several IDs, or a filter, are ended at one go: says first how many, and asks; with --json it
    only says so until you give --yes.
    """
    if not is_one(ids, choice):
        many_ended(invocation, ids, choice, yes=yes)
        return
    number = row_number("run", ids[0])
    name = public("run", number)

    def here(at: Office) -> Document:
        replay.cancel(at.runtime, at.org.id, number, by=at.by)
        return {"run": name, "state": "cancelled"}

    done = tell(invocation, f"runs/{name}/cancel", {}, here)
    invocation.show(done, f"{name} is cancelled.")


@click.command(name="replay")
@click.argument("id")
@click.option("--rule", "rules", multiple=True, metavar="RULE", help="Only this rule; repeatable.")
@_YES
@click.pass_obj
def event_again(invocation: Invocation, id: str, rules: tuple[str, ...], yes: bool) -> None:
    """Let the live rules look at the event ID again; an event that could not be read is read again.
    Says what will run, and asks; with --json it only says so until you give --yes."""
    number = row_number("evt", id)
    path = f"events/{public('evt', number)}/replay"
    plan = ask(
        invocation, path, {"rules": ",".join(rules) or None},
        lambda at: events_again.foretell(at.runtime, at.org.id, number, rules),
    )  # fmt: skip
    if not _agreed(invocation, plan, _rules(plan), yes):
        return

    def here(at: Office) -> Document:
        made = events_again.replay(at.runtime, at.org.id, number, rules, by=at.by)
        return {"runs": [public("run", one) for one in made]}

    done = tell(invocation, path, {"rules": list(rules)}, here)
    told = ", ".join(done["runs"]) or "It is read again"
    invocation.show({**plan, "replayed": True, **done}, f"{told}: under way.")


def _agreed(invocation: Invocation, plan: Document, shown: str | Table, yes: bool) -> bool:
    if yes:
        return True
    if invocation.json:
        invocation.show({**plan, "replayed": False}, "")
        return False
    invocation.show(plan, shown)
    return click.confirm("Do it?")


def _rules(plan: Document) -> str | Table:
    if not plan["rules"]:
        return (
            "It is read again, and then the rules look at it."
            if plan["state"] == "unreadable"
            else "No live rule looks at it."
        )
    rows = [
        (one["rule"], one["before"] or "not yet", step["use"], safety(step))
        for one in plan["rules"]
        for step in one["steps"]
    ]
    return table(("rule", "ran before as", "does", "is it safe?"), rows)
