"""Runs and events done again, and runs ended, on purpose; what will happen can be asked first."""

from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from relay.core import ids
from relay.pipeline import events_again, replay
from relay.pipeline.replay import Wanted
from relay.storage.reads import events, runs
from relay.web.api.resource import Resource
from relay.web.api.site import Document, by, caller, check_visible, read, runtime

_WHAT = {"description": "`failed` steps only, or the `whole` run"}
_VERSION = {"description": "the version that `ran`, or the `current` one"}


class ReplayQuery(Schema):
    """How a run would be done again. Without `what`: failed steps where there are any."""

    what = fields.String(validate=validate.OneOf((replay.FAILED, replay.WHOLE)), metadata=_WHAT)
    version = fields.String(
        load_default=replay.RAN,
        validate=validate.OneOf((replay.RAN, replay.CURRENT)),
        metadata=_VERSION,
    )


class ReplayOf(ReplayQuery):
    """How a run is to be done again."""

    what = fields.String(
        load_default=replay.FAILED,
        validate=validate.OneOf((replay.FAILED, replay.WHOLE)),
        metadata=_WHAT,
    )


class StepAgain(Schema):
    """A step, and whether doing it again can do harm."""

    id = fields.String()
    use = fields.String()
    runs_again = fields.Boolean()
    safe = fields.Boolean()
    note = fields.String()


class RunAgain(Schema):
    """What would be done again."""

    run = fields.String(required=True, metadata={"example": "run_7"})
    what = fields.String()
    version = fields.String()
    rule = fields.String()
    rule_hash = fields.String()
    set_hash = fields.String()
    steps = fields.List(fields.Nested(StepAgain))


class RunUnderWay(Schema):
    """The run that goes on: a new one, unless failed steps are done again by the version that
    ran."""

    run = fields.String(required=True, metadata={"example": "run_9"})


class RunCancelled(Schema):
    """A run that has ended."""

    run = fields.String(required=True)
    state = fields.String(required=True)


class EventReplayQuery(Schema):
    """Which rules; all that look at it, where none is named."""

    rules = fields.String(metadata={"description": "ids, with commas between"})


class EventReplay(Schema):
    """Which rules; all that look at it, where none is named."""

    rules = fields.List(fields.String(), load_default=list)


class RuleAgain(Schema):
    """A rule that would look at the event; `before` is its run for it, if there is one."""

    rule = fields.String()
    before = fields.String(allow_none=True)
    steps = fields.List(fields.Nested(StepAgain))


class EventAgain(Schema):
    """What the event would start."""

    event = fields.String(required=True, metadata={"example": "evt_42"})
    state = fields.String()
    rules = fields.List(fields.Nested(RuleAgain))


class RunsUnderWay(Schema):
    """The runs that were begun."""

    runs = fields.List(fields.String(), required=True)


routes = Resource("replay", "Done again, on purpose.")


@routes.get("/runs/<id>/replay", scope="events:replay", query=ReplayQuery, answer=RunAgain)
def foretell_run(query: Document, id: str) -> Document:
    """Which steps would run again, and which of them a target might do twice."""
    number = _run(id)
    wanted = Wanted(what=query.get("what"), version=query["version"])
    return replay.foretell(runtime(), caller().org, number, wanted)


@routes.post("/runs/<id>/replay", scope="events:replay", body=ReplayOf, answer=RunUnderWay)
def replay_run(given: Document, id: str) -> Document:
    """Does a run again. What was booked is not booked twice."""
    wanted = Wanted(what=given["what"], version=given["version"])
    done = replay.replay(runtime(), caller().org, _run(id), wanted, by=by())
    return {"run": ids.public("run", done)}


@routes.post("/runs/<id>/cancel", scope="events:replay", answer=RunCancelled)
def cancel_run(id: str) -> Document:
    """Ends a run that waits or is held, for good."""
    number = _run(id)
    replay.cancel(runtime(), caller().org, number, by=by())
    return {"run": ids.public("run", number), "state": "cancelled"}


@routes.get("/events/<id>/replay", scope="events:replay", query=EventReplayQuery, answer=EventAgain)
def foretell_event(query: Document, id: str) -> Document:
    """Which live rules would look at the event again, and what each would do."""
    named = [name for name in query.get("rules", "").split(",") if name]
    return events_again.foretell(runtime(), caller().org, _event(id), named)


@routes.post("/events/<id>/replay", scope="events:replay", body=EventReplay, answer=RunsUnderWay)
def replay_event(given: Document, id: str) -> Document:
    """Lets the live rules look at the event again."""
    made = events_again.replay(runtime(), caller().org, _event(id), given["rules"], by=by())
    return {"runs": [ids.public("run", one) for one in made]}


def _run(id: str) -> int:
    number = ids.number("run", id)

    def work(conn: Connection) -> None:
        check_visible(conn, runs.detail(conn, caller().org, number).row.item_id)

    read(work)
    return number


def _event(id: str) -> int:
    number = ids.number("evt", id)

    def work(conn: Connection) -> None:
        check_visible(conn, events.detail(conn, caller().org, number).row.item_id)

    read(work)
    return number
