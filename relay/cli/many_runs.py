"""Several runs at once, by id or by a filter: what would happen is said first."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Group
from rich.table import Table

from relay.cli.afar import downloaded
from relay.cli.invocation import Invocation, safe, table
from relay.cli.listing import one_of, row_number
from relay.cli.office import Office, office, tell
from relay.core.ids import public
from relay.pipeline import many_runs, run_files
from relay.pipeline.many_runs import MOST, Choice
from relay.storage.reads import runs
from relay.storage.reads.runs import Filter
from relay.storage.rows import FORMATS

Document = dict[str, Any]

_FILTER = (
    click.option("--state", metavar="STATE", help=f"One of {', '.join(runs.STATES)}."),
    click.option("--rule", metavar="ID", help="Runs of this rule."),
    click.option("--item", metavar="ID", help="Runs for this list item."),
    click.option("--about", metavar="TEXT", help="Runs about this address or name."),
    click.option("--event", metavar="ID", help="Runs that this event caused."),
    click.option("--connector", metavar="NAME", help="Runs that called it, such as quickbooks."),
    click.option("--since", type=click.DateTime(), help="Runs made since then, in UTC."),
    click.option("--until", type=click.DateTime(), help="Runs made before then, in UTC."),
)
_SHOWN = 5


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Puts the options that narrow runs on a command."""
    for option in reversed(_FILTER):
        command = option(command)
    return command


def chosen(command: Callable[..., None]) -> Callable[..., None]:
    """The same, and how many at one go."""
    first = click.option("--first", type=click.IntRange(1, MOST), default=MOST, show_default=True,
                         help="So many at most, the oldest first.")  # fmt: skip
    return filtered(first(command))


def is_one(ids: Sequence[str], choice: Mapping[str, Any]) -> bool:
    """Whether one run is meant. Raises a usage error where it is not said which are."""
    is_filter = bool(_given(choice))
    if bool(ids) is is_filter:
        raise click.UsageError("name runs, or say which by a filter: the one or the other")
    return len(ids) == 1


def many_again(
    invocation: Invocation,
    ids: Sequence[str],
    choice: Mapping[str, Any],
    version: str,
    what: str | None,
    *,
    yes: bool,
) -> None:
    """Does them again, when it was said what that does."""
    body = _body(ids, choice) | {"version": version} | ({"what": what} if what else {})

    def here(at: Office, *, begin: bool) -> Document:
        found = _choice(at, ids, choice, many_runs.to_replay)
        asked = (at.runtime, at.org.id, found, version, what)
        return many_runs.do_again(*asked, begin=begin, by=at.by)

    if not yes:
        plan = tell(invocation, "runs/replay", body, lambda at: here(at, begin=False))
        shown = Group(times_table(plan["steps"]), _said(plan))
        if not _agreed(invocation, plan, shown, "Do {} again?"):
            return
    done = tell(invocation, "runs/replay", body | {"begin": True}, lambda at: here(at, begin=True))
    invocation.show(done, _outcome(done, "under way"))


def many_ended(
    invocation: Invocation, ids: Sequence[str], choice: Mapping[str, Any], *, yes: bool
) -> None:
    """Ends them, when it was said how many they are."""
    body = _body(ids, choice)

    def here(at: Office, *, begin: bool) -> Document:
        found = _choice(at, ids, choice, many_runs.to_cancel)
        return many_runs.end(at.runtime, at.org.id, found, begin=begin, by=at.by)

    if not yes:
        plan = tell(invocation, "runs/cancel", body, lambda at: here(at, begin=False))
        if not _agreed(invocation, plan, _said(plan), "End {} for good?"):
            return
    done = tell(invocation, "runs/cancel", body | {"begin": True}, lambda at: here(at, begin=True))
    invocation.show(done, _outcome(done, "cancelled"))


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]…")
@filtered
@click.option("--format", "format_", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.pass_obj
def export(invocation: Invocation, /, ids: tuple[str, ...], format_: str, **choice: Any) -> None:
    """Write the runs ID, or all that fit, to standard output, the newest first."""
    if ids and _given(choice):
        raise click.UsageError("name runs, or say which by a filter: the one or the other")
    numbers = [row_number("run", one) for one in ids]
    wanted = "jsonl" if invocation.json else format_
    if invocation.url is not None:
        named = {"runs": ",".join(public("run", one) for one in numbers)} if numbers else {}
        query = {"format": wanted, **named, **_given(choice)}
        with downloaded(invocation, "export/runs", query) as texts:
            invocation.write(texts)
        return
    with office(invocation) as at:
        db, org = at.runtime.db, at.org.id
        if numbers:
            texts = run_files.named(db, org, numbers, wanted)
        else:
            texts = run_files.fitting(db, org, _filter(choice), wanted)
        invocation.write(texts)


def steps_table(steps: Sequence[Document]) -> Table:
    """What each step of one run would do."""
    return table(
        ("step", "does", "runs again", "is it safe?"),
        [
            (step["id"], step["use"], "yes" if step["runs_again"] else "no", safety(step))
            for step in steps
        ],
    )


def times_table(steps: Sequence[Document]) -> Table:
    """The same of several runs."""
    return table(
        ("rule", "step", "does", "times", "is it safe?"),
        [(one["rule"], one["id"], one["use"], one["times"], safety(one)) for one in steps],
    )


def safety(step: Document) -> str:
    """Whether doing a step again can do harm."""
    return str(step["note"]) if step["safe"] else f"CAREFUL: {step['note']}"


def _agreed(
    invocation: Invocation, plan: Document, shown: str | Group, question: str
) -> bool:  # fmt: skip
    invocation.show(plan, shown)
    if invocation.json or not plan["chosen"]:
        return False
    return click.confirm(question.format(_counted(plan["chosen"])))


def _said(plan: Document) -> str:
    number = plan["matching"]
    fit = "fits" if number == 1 else "fit"
    lines = [f"{_counted(number)} {fit}; {plan['chosen']} at this go."]
    refused = plan["refused"]
    lines += [f"not this one: {safe(why)}" for why in refused[:_SHOWN]]
    if len(refused) > _SHOWN:
        lines.append(f"and {len(refused) - _SHOWN} others")
    return "\n".join(lines)


def _outcome(done: Document, what: str) -> str:
    number = len(done["begun"])
    said = f"{_counted(number)} {'is' if number == 1 else 'are'} {what}."
    return "\n".join([said, *map(safe, done["refused"])])


def _counted(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _choice(
    at: Office,
    ids: Sequence[str],
    choice: Mapping[str, Any],
    fitting: Callable[[Any, int, Filter, int], Choice],
) -> Choice:
    if ids:
        return many_runs.by_id([public("run", row_number("run", one)) for one in ids])
    return fitting(at.runtime, at.org.id, _filter(choice), choice["first"])


def _body(ids: Sequence[str], choice: Mapping[str, Any]) -> Document:
    if ids:
        return {"runs": [public("run", row_number("run", one)) for one in ids]}
    return {**_given(choice), "limit": choice["first"]}


def _filter(choice: Mapping[str, Any]) -> Filter:
    one_of(choice["state"], runs.STATES, "state")
    named = {name: choice[name] for name in ("state", "rule", "item", "about", "connector")}
    event = None if choice["event"] is None else row_number("evt", choice["event"])
    return Filter(**named, event=event, since=_utc(choice["since"]), until=_utc(choice["until"]))


def _given(choice: Mapping[str, Any]) -> Document:
    """The filter as `/api/v1` takes it: what was said of it."""
    given = {name: value for name, value in choice.items() if name != "first" and value is not None}
    for name in given.keys() & {"since", "until"}:
        given[name] = given[name].replace(tzinfo=UTC).isoformat()
    if "event" in given:
        given["event"] = public("evt", row_number("evt", given["event"]))
    return given


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(tzinfo=UTC)
