"""`relay rules history|diff|rollback`: the versions there have been, and the way back."""

import click
from rich.text import Text

from relay.cli import findings
from relay.cli.invocation import Invocation, safe, table
from relay.cli.office import Office, ask, tell
from relay.core.errors import InvalidInput
from relay.pipeline import rules as live
from relay.pipeline import versions
from rules.engine import Loaded

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_DIGITS = 12


@click.command()
@click.argument("rule", required=False)
@click.pass_obj
def history(invocation: Invocation, rule: str | None) -> None:
    """Each time rules went live, newest first; of RULE, each time it changed."""

    def here(at: Office) -> dict[str, object]:
        with at.runtime.db.read() as conn:
            return {"data": versions.history(conn, at.org.id, rule), "next": None}

    found = ask(invocation, "rules/versions", {"rule": rule}, here)
    rows = [
        (
            one["set_hash"][:_DIGITS],
            one["applied_at"][:19].replace("T", " "),
            one["applied_by"],
            one["rules"],
            "; ".join(f"{change['rule']} {change['change']}" for change in one["changes"])
            or "nothing",
        )
        for one in found["data"]
    ]
    columns = ("set", "live since", "by", "rules", "what changed")
    invocation.show(found, table(columns, rows) if rows else "No rules have been applied yet.")


@click.command()
@click.argument("a")
@click.argument("b", default=versions.LIVE)
@click.pass_obj
def diff(invocation: Invocation, a: str, b: str) -> None:
    """What differs from set A to set B (else the live one): first digits of their hashes."""

    def here(at: Office) -> dict[str, object]:
        with at.runtime.db.read() as conn:
            return versions.diff(at.runtime, conn, at.org.id, a, b)

    found = ask(invocation, "rules/diff", {"from": a, "to": b}, here)
    told = Text()
    for one in found["rules"]:
        told.append(f"{one['rule']} {one['change']}\n", style="bold")
        for line in one["diff"].splitlines():
            told.append(f"{safe(line)}\n", style=_COLOURS.get(line[:1], ""))
    invocation.show(found, told if found["rules"] else "They are the same.")


@click.command()
@click.argument("set_hash")
@click.pass_obj
def rollback(invocation: Invocation, set_hash: str) -> None:
    """Make the set with that hash (its first digits will do) live again. It is checked anew, for
    lists may have changed since."""

    def here(at: Office) -> dict[str, object]:
        try:
            hash = versions.rollback(at.runtime, at.org.id, set_hash, by=at.by)
        except live.Refused as refused:
            told = findings.text(Loaded((), refused.findings), {}).plain
            raise InvalidInput(f"the set no longer fits:\n{told}") from refused
        return {"set_hash": hash}

    found = tell(invocation, "rules/rollback", {"set_hash": set_hash}, here)
    invocation.show(found, f"Set {found['set_hash'][:_DIGITS]} is live again.")
