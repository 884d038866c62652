"""`relay rules dry-run|explain|backfill`: what rules would do, why one did or did not, and one run
on items that are there already."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from relay.cli import findings, told
from relay.cli.invocation import Invocation, safe, table
from relay.cli.listing import row_number
from relay.cli.office import Office, ask, office, tell
from relay.cli.rule_files import texts_at
from relay.core.errors import InvalidInput
from relay.core.ids import public
from relay.pipeline import backfill as filling
from relay.pipeline import rules as live
from relay.pipeline import trace, versions
from relay.pipeline.dry_run import Asked, dry_run
from rules.engine import Rule
from rules.engine.durations import parse_duration

Document = dict[str, Any]


@click.command(name="dry-run")
@click.argument("rule", required=False)
@click.option("--since", default="7d", show_default=True, help="How far back: 30m, 12h, 7d.")
@click.option("--against", metavar="HASH", help="Compare with this version, not with what ran.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--path", type=click.Path(path_type=Path), help="Rules to try; RELAY_RULES_DIR.")
@click.option("--fail-on-diff", is_flag=True, help="Exit status 1 where anything differs.")
@click.pass_obj
def dry(
    invocation: Invocation, rule: str | None, since: str, against: str | None, limit: int,
    path: Path | None, fail_on_diff: bool,
) -> None:  # fmt: skip
    """What the rule files would have done with the events of the last days, beside what did run.
    Nothing is done. RULE: only this one."""
    back = _duration(since)
    with office(invocation) as at:
        rules = _working_copy(invocation, at, path)
        other = None if against is None else _version(at, against)
        asked = Asked(since=back, rule=rule, limit=limit)
        found = dry_run(at.runtime, at.org.id, rules, other, asked)
    shown = Text()
    for line in found["data"]:
        _line(shown, line)
    shown.append(f"{found['events']} events, {len(found['data'])} looked at, ")
    shown.append(f"{found['differ']} differ", style="bold" if found["differ"] else "")
    invocation.show(found, shown)
    if fail_on_diff and found["differ"]:
        raise click.exceptions.Exit(1)


def _line(shown: Text, line: Document) -> None:
    mark, style = ("≠", "yellow") if line["differs"] else ("=", "")
    run = f" ({line['run']})" if line["run"] else ""
    shown.append(f"{mark} ", style=style)
    shown.append(f"{line['at'][:19].replace('T', ' ')}  {line['event']}  {line['rule']}: ")
    shown.append(f"did {line['did']['ends']}{run}, would {line['would']['ends']}\n", style=style)
    if line["would"].get("error"):
        shown.append(f"      {safe(line['would']['error'])}\n", style=style)
    for text in line["diff"].splitlines():
        shown.append(f"      {safe(text)}\n")


@click.command()
@click.argument("rule")
@click.argument("event")
@click.pass_obj
def explain(invocation: Invocation, rule: str, event: str) -> None:
    """The trace of RULE for the EVENT: what it did, would do, or why it does not look at it."""
    number = row_number("evt", event)
    found = ask(
        invocation, f"rules/{rule}/explain", {"event": public("evt", number)},
        lambda at: trace.trace(at.runtime, at.org.id, rule, number),
    )  # fmt: skip
    if found["run"] is not None:
        invocation.show(found, told.run(found["run"]))
    elif not found["looks"]:
        invocation.show(found, f"{rule} does not look at {found['event']}: {safe(found['why'])}.")
    else:
        invocation.show(found, _would(found))


def _would(found: Document) -> Text:
    would = found["would"]
    text = Text(f"{found['rule']} would look at {found['event']}: {would['trigger']}\n")
    for clause in would["clauses"]:
        sign = "✓" if clause["held"] else "!" if clause["error"] else "✗"
        read = ", ".join(f"{name} = {value!r}" for name, value in clause["values"].items())
        text.append(f"  {sign} {safe(clause['text'])}    {safe(read)}\n")
    for number, action in enumerate(would["actions"], 1):
        text.append(f"  {number}. {action['use']} {safe(action['with'])}\n")
        if action["error"]:
            text.append(f"     {safe(action['error'])}\n")
    text.append(f"It would end {would['ends']}")
    text.append(f": {safe(would['error'])}" if would["error"] else ".")
    return text


@click.command()
@click.argument("rule")
@click.option("--list", "list_", required=True, metavar="TITLE", help="Whose items.")
@click.option("--where", metavar="EXPR", help="Only those for which this holds.")
@click.option("--yes", is_flag=True, help="Begin without asking.")
@click.pass_obj
def backfill(invocation: Invocation, rule: str, list_: str, where: str | None, yes: bool) -> None:
    """Run RULE on items that are on a list already. Counts them, and asks; with --json it only
    counts until you give --yes."""
    asked = filling.Asked(rule=rule, list=list_, where=where)
    body = {"list": list_, "where": where}
    counted = tell(
        invocation, f"rules/{rule}/backfill", body,
        lambda at: filling.count(at.runtime, at.org.id, asked),
    )  # fmt: skip
    if not yes:
        invocation.show({**counted, "begun": None}, _counted(counted))
        if invocation.json or not counted["fires"] or not click.confirm("Begin?"):
            return

    def here(at: Office) -> Document:
        return filling.begin(at.runtime, at.org.id, asked, by=at.by)

    begun = tell(invocation, f"rules/{rule}/backfill", {**body, "begin": True}, here)
    invocation.show(
        {**counted, **begun},
        f"{begun['begun']} of {begun['items']} items: begun as {begun['event']}.",
    )


def _counted(found: Document) -> Any:
    rows = [
        (f"items on {found['list']}", found["items"]),
        ("that it is about", found["chosen"]),
        ("whose condition holds", found["fires"]),
        ("such as", ", ".join(found["names"])),
    ]
    return table(("", ""), rows)


def _duration(text: str) -> timedelta:
    found = parse_duration(text)
    if found is None:
        raise click.UsageError(f"--since is a time such as 30m, 12h or 7d, not {text!r}")
    return found


def _working_copy(invocation: Invocation, at: Office, path: Path | None) -> Sequence[Rule]:
    texts = texts_at(invocation, path)
    loaded = live.check(at.runtime, at.org.id, texts)
    if not loaded.ok:
        raise InvalidInput(f"the rules have errors:\n{findings.text(loaded, texts).plain}")
    return loaded.rules


def _version(at: Office, ref: str) -> Sequence[Rule]:
    with at.runtime.db.read() as conn:
        hash = versions.resolve(conn, at.org.id, ref)
        return at.runtime.setups.rules_of(conn, at.org.id, hash)
