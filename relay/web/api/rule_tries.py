"""What rules would do, why one did or did not, and one run on items that are there already."""

from datetime import timedelta

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from relay.core import ids
from relay.core.errors import InvalidInput
from relay.pipeline import backfill, rules, trace, versions
from relay.pipeline.dry_run import MOST, Asked, dry_run
from relay.storage.reads import events
from relay.web.api.resource import Resource
from relay.web.api.rules import by_place
from relay.web.api.site import Document, by, caller, check_visible, read, runtime
from relay.web.api.stories import RunStory
from rules.engine import Rule


class RuleTrial(Schema):
    """Rule files to try, or a set by the first digits of its hash; nothing of it goes live."""

    texts = fields.Dict(keys=fields.String(), values=fields.String(), load_default=None)
    set_hash = fields.String(load_default=versions.LIVE)
    against = fields.String(load_default=None, allow_none=True)
    rule = fields.String(load_default=None, allow_none=True)
    hours = fields.Integer(load_default=168, validate=validate.Range(min=1, max=24 * 366))
    limit = fields.Integer(load_default=1000, validate=validate.Range(min=1, max=MOST))


class RuleTried(Schema):
    """One rule and one event: what it would do beside what it did."""

    event = fields.String()
    at = fields.String(metadata={"format": "date-time"})
    kind = fields.String()
    rule = fields.String()
    run = fields.String(allow_none=True)
    would = fields.Dict()
    did = fields.Dict()
    differs = fields.Boolean()
    diff = fields.String()


class RulesTried(Schema):
    """What came of it, oldest event first."""

    events = fields.Integer(required=True)
    differ = fields.Integer(required=True)
    data = fields.List(fields.Nested(RuleTried))


class ExplainQuery(Schema):
    """Which event; none: the newest one that the key may see."""

    event = fields.String(metadata={"example": "evt_42"})


class RuleTrace(Schema):
    """What a rule did with an event, would do, or why it does not look at it."""

    rule = fields.String(required=True)
    event = fields.String(allow_none=True)
    looks = fields.Boolean()
    why = fields.String(allow_none=True)
    run = fields.Nested(RunStory, allow_none=True)
    would = fields.Dict(allow_none=True)


class BackfillOf(Schema):
    """Which items; `where` is an expression."""

    list = fields.String(required=True)
    where = fields.String(load_default=None, allow_none=True)
    begin = fields.Boolean(load_default=False)


class Backfill(Schema):
    """How many items it is about; `event` where it has begun, and for how many."""

    rule = fields.String(required=True)
    list = fields.String()
    where = fields.String(allow_none=True)
    items = fields.Integer()
    chosen = fields.Integer()
    fires = fields.Integer()
    names = fields.List(fields.String())
    event = fields.String(allow_none=True, metadata={"example": "evt_42"})
    begun = fields.Integer(allow_none=True)


routes = Resource("rule trials", "Rules tried on what happened, and run on what is there.")


@routes.post("/rules/dry-run", scope="rules", body=RuleTrial, answer=RulesTried)
def try_rules(given: Document) -> Document:
    """What rules would have done with stored events, beside what did run or what another set
    would; nothing is done."""
    org = caller().org
    if given["texts"] is not None:
        loaded = rules.check(runtime(), org, given["texts"])
        if not loaded.ok:
            raise InvalidInput("the rules have errors", by_place(loaded.findings))
        tried = loaded.rules
    else:
        tried = read(lambda conn: _set(conn, given["set_hash"]))
    other = given["against"]
    against = None if other is None else read(lambda conn: _set(conn, other))
    asked = Asked(since=timedelta(hours=given["hours"]), rule=given["rule"], limit=given["limit"])
    return dry_run(runtime(), org, tried, against, asked)


@routes.get("/rules/<id>/explain", scope="rules", query=ExplainQuery, answer=RuleTrace)
def explain_rule(query: Document, id: str) -> Document:
    """Why a rule did or did not fire for an event."""
    org = caller().org
    event = query.get("event")
    number = (
        read(lambda conn: events.newest(conn, org)) if event is None else ids.number("evt", event)
    )
    read(lambda conn: check_visible(conn, events.detail(conn, org, number).row.item_id))
    return trace.trace(runtime(), org, id, number)


@routes.post("/rules/<id>/backfill", scope="rules", body=BackfillOf, answer=Backfill)
def backfill_rule(given: Document, id: str) -> Document:
    """Counts the items that are there already and a rule would be run on; with `begin`, runs it on
    them. Each is done once by one version of a rule."""
    org = caller().org
    asked = backfill.Asked(rule=id, list=given["list"], where=given["where"])
    found = {**backfill.count(runtime(), org, asked), "event": None, "begun": None}
    return {**found, **backfill.begin(runtime(), org, asked, by=by())} if given["begin"] else found


def _set(conn: Connection, ref: str) -> tuple[Rule, ...]:
    hash = versions.resolve(conn, caller().org, ref)
    return runtime().setups.rules_of(conn, caller().org, hash)
