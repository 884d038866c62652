"""`relay run replay|cancel` and `relay event replay`: what will happen is said first."""

from typing import Any

import click
from rich.table import Table

from relay.cli.invocation import Invocation, table
from relay.cli.listing import row_number
from relay.cli.office import Office, ask, tell
from relay.core.ids import public
from relay.pipeline import events_again, replay
from relay.pipeline.replay import Wanted

Document = dict[str, Any]

_YES = click.option("--yes", is_flag=True, help="Do it without asking.")


@click.command(name="replay")
@click.argument("id")
@click.option("--whole", is_flag=True, help="All steps, not the failed ones alone.")
@click.option("--current", is_flag=True, help="By the live version, not the one that ran.")
@_YES
@click.pass_obj
def run_again(invocation: Invocation, id: str, whole: bool, current: bool, yes: bool) -> None:
    """Do the run ID again: its failed steps by the version that ran, unless you say otherwise. Says
    what will run, and asks; with --json it only says so until you give --yes."""
    number = row_number("run", id)
    wanted = Wanted(
        what=replay.WHOLE if whole else replay.FAILED,
        version=replay.CURRENT if current else replay.RAN,
    )
    path, asked = f"runs/{public('run', number)}/replay", {"what": wanted.what,
                                                          "version": wanted.version}  # fmt: skip
    plan = ask(
        invocation, path, asked,
        lambda at: replay.foretell(at.runtime, at.org.id, number, wanted),
    )  # fmt: skip
    if not _agreed(invocation, plan, _steps(plan["steps"]), yes):
        return

    def here(at: Office) -> Document:
        done = replay.replay(at.runtime, at.org.id, number, wanted, by=at.by)
        return {"run": public("run", done)}

    done = tell(invocation, path, asked, here)
    invocation.show({**plan, "replayed": True, "as": done["run"]}, f"{done['run']} is under way.")


@click.command()
@click.argument("id")
@click.pass_obj
def cancel(invocation: Invocation, id: str) -> None:
    """End the run ID, which waits or is held, for good."""
    number = row_number("run", id)
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


def _steps(steps: list[Document]) -> Table:
    return table(
        ("step", "does", "runs again", "is it safe?"),
        [
            (step["id"], step["use"], "yes" if step["runs_again"] else "no", _note(step))
            for step in steps
        ],
    )


def _note(step: Document) -> str:
    return str(step["note"]) if step["safe"] else f"CAREFUL: {step['note']}"


def _rules(plan: Document) -> str | Table:
    if not plan["rules"]:
        return (
            "It is read again, and then the rules look at it."
            if plan["state"] == "unreadable"
            else "No live rule looks at it."
        )
    rows = [
        (one["rule"], one["before"] or "not yet", step["use"], _note(step))
        for one in plan["rules"]
        for step in one["steps"]
    ]
    return table(("rule", "ran before as", "does", "is it safe?"), rows)
