"""`relay rules schema`: the JSON Schema that editors complete and check rule files with."""

from pathlib import Path

import click

from relay.bootstrap import VERBS
from relay.cli.invocation import Invocation
from rules.engine.json_schema import written

FILE = Path("schema", "rules.schema.json")


@click.command()
@click.argument("path", required=False, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit status 1 where it is out of date.")
@click.pass_obj
def schema(invocation: Invocation, path: Path | None, check: bool) -> None:
    """Write the JSON Schema of rule files to PATH (schema/rules.schema.json beside the rules)."""
    place = path or invocation.settings.rules_dir / FILE
    text = written(VERBS)
    is_current = place.is_file() and place.read_text("utf-8") == text
    if not check and not is_current:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
    told = "is up to date" if is_current else "is out of date" if check else "is written"
    invocation.show({"path": str(place), "current": is_current or not check}, f"{place} {told}.")
    if check and not is_current:
        raise click.exceptions.Exit(1)
