"""The versions that the rules have had, and the way back."""

from marshmallow import Schema, fields
from sqlalchemy import Connection

from relay.core.errors import InvalidInput
from relay.pipeline import rules, versions
from relay.web.api.resource import Resource
from relay.web.api.rules import Applied, by_place
from relay.web.api.site import Document, by, caller, page_of, read, runtime, whole


class RuleChange(Schema):
    """What a version did to one rule: `added`, `changed` or `removed`; `hash` is its new one."""

    rule = fields.String()
    change = fields.String()
    hash = fields.String(allow_none=True)


class RuleVersion(Schema):
    """A time a set went live."""

    set_hash = fields.String(required=True)
    applied_at = fields.String(metadata={"format": "date-time"})
    applied_by = fields.String()
    rules = fields.Integer()
    changes = fields.List(fields.Nested(RuleChange))


class RuleVersionQuery(Schema):
    """Which times."""

    rule = fields.String(metadata={"description": "only those that changed this rule"})


class RuleDiffQuery(Schema):
    """Two sets, by the first digits of their hashes, or `live`."""

    before = fields.String(data_key="from", load_default=versions.LIVE)
    after = fields.String(data_key="to", load_default=versions.LIVE)


class RuleDifference(Schema):
    """What differs in one rule, as a unified diff; `reworded`: only what is in no hash."""

    rule = fields.String()
    change = fields.String()
    diff = fields.String()


class RuleSetDifference(Schema):
    """What differs between two sets."""

    before = fields.String(data_key="from", attribute="from", required=True)
    after = fields.String(data_key="to", attribute="to", required=True)
    rules = fields.List(fields.Nested(RuleDifference))


class RuleRollback(Schema):
    """A set that was live before, by the first digits of its hash."""

    set_hash = fields.String(required=True)


routes = Resource("rule versions", "Which rules were live when, and the way back.")


@routes.get("/rules/versions", scope="rules", query=RuleVersionQuery, answer=page_of(RuleVersion))
def list_versions(query: Document) -> Document:
    """Each time rules went live, newest first, with what it changed."""
    return whole(read(lambda conn: versions.history(conn, caller().org, query.get("rule"))))


@routes.get("/rules/diff", scope="rules", query=RuleDiffQuery, answer=RuleSetDifference)
def diff_rules(query: Document) -> Document:
    """What differs from one set to another."""

    def work(conn: Connection) -> Document:
        return versions.diff(runtime(), conn, caller().org, query["before"], query["after"])

    return read(work)


@routes.post("/rules/rollback", scope="rules", body=RuleRollback, answer=Applied)
def roll_back(given: Document) -> Document:
    """Makes a set live again that was live before, if it still fits the lists."""
    try:
        hash = versions.rollback(runtime(), caller().org, given["set_hash"], by=by())
    except rules.Refused as refused:
        raise InvalidInput(str(refused), by_place(refused.findings)) from refused
    return {"set_hash": hash}
