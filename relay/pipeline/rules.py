"""Rule files made live: read, linted against what the organization has, swapped in whole."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Connection

from relay.core.errors import InvalidInput
from relay.crm.embedded import schema as lists
from relay.crm.model import Field, FieldType, ListType
from relay.crm.remote import Definitions
from relay.pipeline import timetable
from relay.pipeline.calling import definitions_of
from relay.runtime import Runtime
from relay.setups import Setup
from relay.storage import identity, rulesets
from rules.engine import (
    FieldSchema,
    Finding,
    ListSchema,
    Loaded,
    RuleSet,
    Schemas,
    load,
    pack,
    rule_hash,
)
from rules.engine import tests as rule_tests
from rules.engine.schemas import FieldType as RuleType


class Refused(InvalidInput):
    """A set with errors; the live one goes on."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = next(f for f in findings if f.severity == "error")
        place = f"{first.path}:{first.line}:{first.column}"
        super().__init__(f"the rules were not applied: {place}: {first.code} {first.message}")
        self.findings = tuple(findings)


def texts_in(folder: Path) -> dict[str, str]:
    """The rule files of a folder, text by path. Raises InvalidInput."""
    if not folder.is_dir():
        return {}
    return {f"rules/{path.name}": path.read_text() for path in sorted(folder.glob("*.yaml"))}


def apply(runtime: Runtime, org: int, texts: Mapping[str, str], *, by: str) -> str:
    """Makes the set live under its hash, which it gives. Raises Refused; then the finding is kept
    for `/readyz` and the dashboard."""
    loaded = check(runtime, org, texts)
    findings = [*loaded.findings, *(failed_tests(runtime, loaded) if loaded.ok else ())]
    now = runtime.clock.now()
    if any(one.severity == "error" for one in findings):
        with runtime.db.write() as conn:
            kept = [_kept(one, texts) for one in findings]
            rulesets.note_findings(conn, org, rulesets.REFUSED, kept, now)
        raise Refused(findings)
    live = RuleSet(loaded.rules)
    hashes = {rule.id: rule_hash(rule) for rule in loaded.rules}
    with runtime.db.write() as conn:
        before = identity.organization(conn, org)
        rulesets.apply_set(conn, org, live.hash, texts, pack(loaded.rules), hashes, by=by, at=now)
        timetable.arrange(conn, org, live, before.time_zone, now)
        identity.audit(conn, org, by, "rules applied", live.hash[:12],
                       before=before.rule_set_hash, after=live.hash, at=now)  # fmt: skip
    return live.hash


def _kept(one: Finding, texts: Mapping[str, str]) -> dict[str, object]:
    """A finding with the line that it is about."""
    lines = texts.get(one.path, "").splitlines()
    line = lines[one.line - 1] if 1 <= one.line <= len(lines) else ""
    return {**asdict(one), "text": line}


def check(runtime: Runtime, org: int, texts: Mapping[str, str]) -> Loaded:
    """The rules of these files, and what is wrong with them for this organization."""
    with runtime.db.read() as conn:
        schemas = schemas_of(conn, runtime.setups.of(conn, org))
    return load(texts, verbs=runtime.verbs, schemas=schemas)


def relint(runtime: Runtime, conn: Connection, org: int, *, may_break: bool = True) -> None:
    """After what the organization has was changed, in the same transaction: what of the live set no
    longer fits is a finding until it does. The set goes on. What is only new can but mend."""
    if not may_break and not rulesets.findings_of(conn, org).live:
        return
    note_misfits(runtime, conn, org, misfits(runtime, conn, runtime.setups.fresh(conn, org)))


def misfits(runtime: Runtime, conn: Connection, setup: Setup) -> list[rulesets.Kept]:
    """The errors that the live set would be refused for now; those of its tests come last."""
    live, org = setup.organization.rule_set_hash, setup.organization.id
    schemas = schemas_of(conn, setup)
    if live is None or schemas is None:
        return []
    texts = rulesets.texts_of(conn, org, live)
    found = load(texts, verbs=runtime.verbs, schemas=schemas).findings
    errors = [one for one in found if one.severity == "error"]
    errors.sort(key=lambda one: one.code.startswith("R5"))
    return [_kept(one, texts) for one in errors]


def note_misfits(
    runtime: Runtime, conn: Connection, org: int, found: Sequence[rulesets.Kept]
) -> None:
    rulesets.note_findings(conn, org, rulesets.LIVE, found, runtime.clock.now())


def failed_tests(runtime: Runtime, loaded: Loaded) -> list[Finding]:
    """The rules' own tests that do not pass, each at its rule's place."""
    by_id = {rule.id: rule for rule in loaded.rules}
    return [
        Finding(
            code="R510",
            severity="error",
            path=by_id[one.rule].path,
            line=by_id[one.rule].line,
            column=by_id[one.rule].column,
            length=1,
            message=f"the test {one.name!r} of {one.rule} fails",
            help=one.diff,
        )
        for one in rule_tests.run(loaded.rules, verbs=runtime.verbs)
        if not one.passed
    ]


def schemas_of(conn: Connection, setup: Setup) -> Schemas | None:
    """What the organization has, for the lint; None while the lists of its CRM elsewhere have not
    been read."""
    if setup.crm is None:
        return schemas_with(setup, lists.schema(conn, setup.organization.id))
    elsewhere = definitions_of(conn, setup.crm.id)
    return None if elsewhere is None else schemas_with(setup, elsewhere)


def schemas_with(setup: Setup, known: lists.Schema | Definitions) -> Schemas:
    """The same, by these definitions."""
    return Schemas(
        lists=tuple(
            ListSchema(
                title=one.title,
                kind="contact" if one.type is ListType.CONTACT else "account",
                fields=tuple(_field(each) for each in one.fields.all),
            )
            for one in known.lists
        ),
        account=tuple(_field(one) for one in known.account_fields.all),
        sources={row.name: row.type for row in setup.sources.values()},
        connections={row.name: row.provider for row in setup.connections},
        targets=tuple(setup.targets),
        settings=tuple(setup.organization.settings),
        crm=None if setup.crm is None else setup.crm.name,
    )


_TYPES: Mapping[FieldType, RuleType] = {
    FieldType.TEXT: "text",
    FieldType.NUMERIC: "number",
    FieldType.DATE: "date",
    FieldType.DATETIME: "date",
    FieldType.USER: "user",
}


def _field(one: Field) -> FieldSchema:
    kind: RuleType = _TYPES.get(one.type, "any")
    if one.type is FieldType.LIST:
        kind = "multi_select" if one.is_multi else "status" if one.slug == "status" else "select"
    return FieldSchema(
        slug=one.slug,
        label=one.name,
        type=kind,
        options=tuple(option.display for option in one.options),
    )
