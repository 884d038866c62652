"""Rules: the live set, its lint, and a new set put in its place."""

from collections.abc import Sequence
from dataclasses import asdict

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from relay.core.errors import InvalidInput
from relay.pipeline import arrange, documents, rules
from relay.storage import rulesets
from relay.storage.reads import setup as health
from relay.web.api.resource import Resource
from relay.web.api.site import Document, by, caller, read, runtime
from rules.engine import Finding


class RuleDocument(Schema):
    """A live rule, and what its newest runs came to."""

    id = fields.String(required=True)
    name = fields.String()
    enabled = fields.Boolean()
    paused = fields.Boolean()
    hash = fields.String()
    file = fields.String()
    triggers = fields.List(fields.String())
    condition = fields.String(allow_none=True)
    steps = fields.List(fields.String())
    outcomes = fields.Dict(keys=fields.String(), values=fields.Integer())


class Texts(Schema):
    """Rule files, text by path; together they are the whole set."""

    texts = fields.Dict(required=True, keys=fields.String(), values=fields.String())


class FindingDocument(Schema):
    """A fault found before a rule runs, with its place."""

    code = fields.String(metadata={"example": "R201"})
    severity = fields.String(validate=validate.OneOf(("error", "warning")))
    path = fields.String()
    line = fields.Integer()
    column = fields.Integer()
    length = fields.Integer()
    message = fields.String()
    help = fields.String()


class RulePage(Schema):
    """The live set. `findings`: why the last apply was refused; `stale`: what of the live set no
    longer fits the lists, connections and targets."""

    data = fields.List(fields.Nested(RuleDocument), required=True)
    next = fields.String(required=True, allow_none=True)
    set_hash = fields.String(allow_none=True)
    findings = fields.List(fields.Nested(FindingDocument))
    stale = fields.List(fields.Nested(FindingDocument))


class Checked(Schema):
    """What the lint says of a set."""

    ok = fields.Boolean(required=True)
    findings = fields.List(fields.Nested(FindingDocument))


class Applied(Schema):
    """The set that is live now."""

    set_hash = fields.String(required=True)


class Paused(Schema):
    """The rule, and how many runs that waited go on."""

    rule = fields.String(required=True)
    paused = fields.Boolean(required=True)
    released = fields.Integer(required=True)


routes = Resource("rules", "What is watched, and what is done then.")


@routes.get("/rules", scope="rules", answer=RulePage)
def list_rules() -> Document:
    """The live rules, sources' mappings included, and how each is doing."""

    def work(conn: Connection) -> Document:
        setup = runtime().setups.of(conn, caller().org)
        found = health.rule_health(conn, caller().org)
        nothing, wrong = health.RuleHealth(), rulesets.findings_of(conn, caller().org)
        told = [
            documents.rule(one, setup, found.get(one.id, nothing).states)
            for one in setup.rules.rules
        ]
        return {
            "data": told,
            "next": None,
            "set_hash": setup.organization.rule_set_hash,
            "findings": wrong.refused,
            "stale": wrong.live,
        }

    return read(work)


@routes.post("/rules", scope="rules", body=Texts, answer=Applied)
def apply_rules(new: Document) -> Document:
    """Makes the files the live set, all of them or, where one has an error, none."""
    try:
        return {"set_hash": rules.apply(runtime(), caller().org, new["texts"], by=by())}
    except rules.Refused as refused:
        raise InvalidInput(str(refused), by_place(refused.findings)) from refused


@routes.post("/rules/lint", scope="rules", body=Texts, answer=Checked)
def lint_rules(new: Document) -> Document:
    """What would be wrong with these files, by the organization's own lists; changes nothing."""
    loaded = rules.check(runtime(), caller().org, new["texts"])
    return {"ok": loaded.ok, "findings": [asdict(one) for one in loaded.findings]}


@routes.post("/rules/<id>/pause", scope="rules", answer=Paused)
def pause_rule(id: str) -> Document:
    """Stops one rule at once; what it would do waits."""
    return _paused(id, paused=True)


@routes.post("/rules/<id>/resume", scope="rules", answer=Paused)
def resume_rule(id: str) -> Document:
    """Lets it go on, with what waited."""
    return _paused(id, paused=False)


def _paused(id: str, *, paused: bool) -> Document:
    released = arrange.pause_rule(runtime(), caller().org, id, paused=paused, by=by())
    return {"rule": id, "paused": paused, "released": released}


def by_place(findings: Sequence[Finding]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for one in findings:
        if one.severity == "error":
            place = f"{one.path}:{one.line}:{one.column}"
            told.setdefault(place, []).append(f"{one.code} {one.message}")
    return told
