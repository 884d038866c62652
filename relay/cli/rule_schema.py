"""`relay rules schema`: what editors and builds check rule files with, away from a Relay."""

from pathlib import Path

import click
import orjson

from relay.bootstrap import VERBS
from relay.cli.invocation import Invocation
from relay.cli.office import office
from relay.core.errors import Unavailable
from relay.pipeline import rules as live
from rules.engine.json_schema import written
from rules.engine.verb_page import page

FILE = Path("schema", "rules.schema.json")
_MADE = {None: written, "verbs": page}


@click.command()
@click.argument("path", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 where it is out of date.")
@click.option("--lists", "what", flag_value="lists", help="Your lists, for rules lint --schema.")
@click.option("--verbs", "what", flag_value="verbs", help="A page of all verbs, for people.")
@click.pass_obj
def schema(invocation: Invocation, path: Path | None, check: bool, what: str | None) -> None:
    """Write the JSON Schema of rule files to PATH (schema/rules.schema.json beside the rules).

    Or your organization's lists, or a page of the verbs: then PATH has to be said.
    """
    if what is not None and path is None:
        raise click.UsageError(f"--{what} needs the PATH to write to")
    place = path or invocation.settings.rules_dir / FILE
    text = _lists(invocation) if what == "lists" else _MADE[what](VERBS)
    is_current = place.is_file() and place.read_text("utf-8") == text
    if not check and not is_current:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    again = " ".join(["relay rules schema", *([f"--{what}"] if what else []), str(place)])
    late = f"is out of date; {again} writes it" if check else "is written"
    told = "is up to date" if is_current else late
    invocation.show({"path": str(place), "current": is_current or not check}, f"{place} {told}.")
    if check and not is_current:
        raise click.exceptions.Exit(1)


def _lists(invocation: Invocation) -> str:
    """What the organization has, as `rules lint --schema` reads it."""
    with office(invocation) as at, at.runtime.db.read() as conn:
        found = live.schemas_of(conn, at.runtime.setups.of(conn, at.org.id))
    if found is None:
        raise Unavailable("the lists of the organization's CRM have not been read yet: try again")
    return orjson.dumps(found.to_data(), option=orjson.OPT_INDENT_2).decode() + "\n"
