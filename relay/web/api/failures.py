"""Runs that failed, by cause, and looking after all of one cause at once."""

from marshmallow import Schema, fields, validate

from relay.core.errors import NotAllowed
from relay.pipeline import failures, replay
from relay.web.api.again import StepAgain
from relay.web.api.resource import Resource
from relay.web.api.site import Document, by, caller, runtime


class FailureDocument(Schema):
    """Several runs that failed of the same and that nobody has looked after. `lately`: how many of
    them in the last day."""

    cause = fields.String(required=True)
    rule = fields.String(required=True)
    connector = fields.String(allow_none=True)
    reason = fields.String(required=True)
    runs = fields.Integer(required=True)
    lately = fields.Integer()
    first_at = fields.String()
    last_at = fields.String()
    last_run = fields.String(metadata={"example": "run_7"})


class FailurePage(Schema):
    """All causes, most runs first."""

    data = fields.List(fields.Nested(FailureDocument), required=True)
    next = fields.String(required=True, allow_none=True)


class FailureReplay(Schema):
    """Which cause, by which version of the rule, and how many runs at most, the oldest first.
    Without `begin` it is only said what would be done."""

    cause = fields.String(required=True)
    version = fields.String(
        load_default=replay.CURRENT, validate=validate.OneOf((replay.RAN, replay.CURRENT))
    )
    limit = fields.Integer(load_default=failures.MOST, validate=validate.Range(1, failures.MOST))
    begin = fields.Boolean(load_default=False)


class StepsAgain(StepAgain):
    """A step of a rule, and in how many of the runs it is done again."""

    rule = fields.String()
    times = fields.Integer()


class FailureAgain(FailureDocument):
    """What would be done again, or, begun, the runs that are under way. `refused`: why others are
    not."""

    version = fields.String()
    chosen = fields.Integer()
    steps = fields.List(fields.Nested(StepsAgain))
    begun = fields.List(fields.String(), allow_none=True)
    refused = fields.List(fields.String())


class Dismissal(Schema):
    """Which cause, and why nothing is to be done."""

    cause = fields.String(required=True)
    reason = fields.String(required=True)


class Dismissed(Schema):
    """How many runs need nobody any more."""

    runs = fields.Integer(required=True)


routes = Resource("failures", "What failed, by cause.")


@routes.get("/failures", scope="events:read", answer=FailurePage)
def list_failures() -> Document:
    """Runs that have failed and that nobody has looked after, by rule and cause."""
    return {"data": failures.listed(runtime(), _org()), "next": None}


@routes.post("/failures/replay", scope="events:replay", body=FailureReplay, answer=FailureAgain)
def replay_failures(given: Document) -> Document:
    """Says what doing the runs of a cause again would do; with `begin`, does it."""
    asked = (runtime(), _org(), given["cause"], given["version"], given["limit"])
    plan = {**failures.foretell(*asked), "begun": None}
    if not given["begin"]:
        return plan
    done = failures.replay_all(*asked, by=by())
    return {**plan, "begun": done["runs"], "refused": done["refused"]}


@routes.post("/failures/dismiss", scope="events:replay", body=Dismissal, answer=Dismissed)
def dismiss_failures(given: Document) -> Document:
    """Nobody needs to look after the runs of a cause; they stay as they are."""
    number = failures.dismiss(runtime(), _org(), given["cause"], given["reason"], by=by())
    return {"runs": number}


def _org() -> int:
    """A cause is about runs of every list. Raises NotAllowed for a key that sees some of them."""
    if caller().lists is not None:
        raise NotAllowed("this key sees some lists only: failures are about all of them")
    return caller().org
