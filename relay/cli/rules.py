"""`relay rules`: checked, tested, made live, paused; its versions are next door."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import click
import orjson

from relay.bootstrap import VERBS
from relay.cli import findings
from relay.cli.invocation import Invocation
from relay.cli.office import office
from relay.cli.rule_files import texts_at
from relay.cli.rule_schema import schema
from relay.cli.rule_tries import backfill, dry, explain
from relay.cli.rule_versions import diff, history, rollback
from relay.core.errors import InvalidInput, NotFound
from relay.mapping import is_mapping
from relay.pipeline import arrange
from relay.pipeline import rules as live
from rules.engine import Loaded, Schemas, load
from rules.engine import tests as rule_tests

_PATH = click.argument("path", required=False, type=click.Path(path_type=Path))


@click.group()
def rules() -> None:
    """Check, test and apply rules."""


@rules.command()
@_PATH
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text")
@click.option(
    "--schema",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A JSON file of lists and connections; else the organization's own.",
)
@click.option("--strict", is_flag=True, help="Count warnings as errors.")
@click.pass_obj
def lint(
    invocation: Invocation, path: Path | None, form: str, schema: Path | None, strict: bool
) -> None:
    """What is wrong with the rules in PATH (a file or folder; RELAY_RULES_DIR), with its place.

    Exit status: 0 nothing, 1 errors, 2 the files could not be read.
    """
    texts = texts_at(invocation, path)
    loaded = load(texts, verbs=VERBS, schemas=_schemas(invocation, schema))
    bad = bool(loaded.findings) if strict else not loaded.ok
    document = {"ok": not bad, "findings": [asdict(one) for one in loaded.findings]}
    if form == "json":
        invocation.json = True
    if loaded.findings or invocation.json:
        shown = findings.github(loaded) if form == "github" else findings.text(loaded, texts)
        invocation.show(document, shown)
    if not invocation.json:
        click.echo(findings.count(loaded), err=True)
    if bad:
        raise click.exceptions.Exit(1)


@rules.command()
@_PATH
@click.option("-k", "only", metavar="TEXT", help="Only tests whose rule or name has this.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="JUnit XML there.")
@click.option("--coverage", is_flag=True, help="List what no test reached.")
@click.pass_obj
def test(
    invocation: Invocation, path: Path | None, only: str | None, junit: Path | None, coverage: bool
) -> None:
    """Run the tests in the rule files of PATH; nothing leaves this machine. Exit status 1 when one
    fails."""
    texts = texts_at(invocation, path)
    loaded = load(texts, verbs=VERBS, schemas=None)
    if not loaded.ok:
        invocation.show(
            {"ok": False, "findings": [asdict(one) for one in loaded.findings]},
            findings.text(loaded, texts),
        )
        raise click.exceptions.Exit(1)
    results = rule_tests.run(loaded.rules, verbs=VERBS, only=only)
    if junit is not None:
        junit.write_text(rule_tests.junit(results))
    left = rule_tests.unreached(loaded.rules, results) if coverage else {}
    failed = [one for one in results if not one.passed]
    document = {
        "ok": not failed,
        "tests": [
            {"rule": one.rule, "name": one.name, "passed": one.passed, "ends": one.ends,
             "diff": one.diff}
            for one in results
        ],
        "not_reached": left,
    }  # fmt: skip
    invocation.show(document, findings.tests(results, left))
    if failed:
        raise click.exceptions.Exit(1)


@rules.command()
@_PATH
@click.pass_obj
def apply(invocation: Invocation, path: Path | None) -> None:
    """Make the rules in PATH the live set: all of them or, where one has an error or a test
    fails, none."""
    texts = texts_at(invocation, path)
    with office(invocation) as at:
        try:
            hash = live.apply(at.runtime, at.org.id, texts, by=at.by)
        except live.Refused as refused:
            found = Loaded((), refused.findings)
            document = {"applied": False, "findings": [asdict(one) for one in refused.findings]}
            invocation.show(document, findings.text(found, texts))
            click.echo("Nothing was applied: the live set goes on.", err=True)
            raise click.exceptions.Exit(1) from refused
        with at.runtime.db.read() as conn:
            setup = at.runtime.setups.of(conn, at.org.id)
    count = sum(1 for one in setup.rules.rules if not is_mapping(one.id))
    document = {"applied": True, "set_hash": hash, "rules": count}
    live_now = "1 rule is" if count == 1 else f"{count} rules are"
    invocation.show(document, f"{live_now} live in {at.org.name}: set {hash[:12]}.")


@rules.command()
@click.argument("rule")
@click.pass_obj
def pause(invocation: Invocation, rule: str) -> None:
    """Stop RULE at once; what it would do waits."""
    with office(invocation) as at:
        arrange.pause_rule(at.runtime, at.org.id, rule, paused=True, by=at.by)
    invocation.show({"rule": rule, "paused": True}, f"{rule} is paused.")


@rules.command()
@click.argument("rule")
@click.pass_obj
def resume(invocation: Invocation, rule: str) -> None:
    """Let RULE go on, with what waited."""
    with office(invocation, wakes=True) as at:
        freed = arrange.pause_rule(at.runtime, at.org.id, rule, paused=False, by=at.by)
    document = {"rule": rule, "paused": False, "released": freed}
    invocation.show(document, f"{rule} goes on; {freed} waiting runs go on with it.")


for command in (history, diff, rollback, dry, explain, backfill, schema):
    rules.add_command(command)


def _schemas(invocation: Invocation, file: Path | None) -> Schemas | None:
    """What rules are checked against; None where there is no store yet: grammar and verbs alone."""
    if file is not None:
        try:
            found: Mapping[str, object] = orjson.loads(file.read_bytes())
        except orjson.JSONDecodeError as error:
            raise InvalidInput(f"{file} is not JSON: {error}") from error
        return Schemas.from_data(found)
    try:
        with office(invocation) as at, at.runtime.db.read() as conn:
            return live.schemas_of(conn, at.runtime.setups.of(conn, at.org.id))
    except NotFound as error:
        click.echo(f"Checked without lists, for {error}.", err=True)
        return None
