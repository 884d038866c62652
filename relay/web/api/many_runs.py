"""Several runs at once: done again, ended, or written to a file, by id or by a filter."""

from collections.abc import Callable
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from relay.core.errors import InvalidInput, NotAllowed
from relay.core.ids import number, public
from relay.pipeline import many_runs, run_files
from relay.pipeline.many_runs import MOST, Choice
from relay.storage.reads import runs as stored
from relay.storage.reads.runs import Filter, RunRow
from relay.storage.rows import FORMATS
from relay.web.api.again import ReplayQuery
from relay.web.api.export import JSON_LINES, TEXT, streamed
from relay.web.api.failures import StepsAgain
from relay.web.api.hook_acts import Span
from relay.web.api.resource import Resource
from relay.web.api.site import Document, allowed, among, by, caller, read, runtime

_NAMED = ("rule", "about", "item", "connector", "since", "until")


class RunFilter(Span):
    """Which runs, of when."""

    state = fields.String(validate=validate.OneOf(stored.STATES))
    rule = fields.String()
    about = fields.String()
    item = fields.String()
    event = fields.String(metadata={"example": "evt_42"})
    connector = fields.String(metadata={"example": "quickbooks"})


class RunChoice(RunFilter):
    """Runs by id, or by a filter: then the oldest that fit. Without `begin` it is only said what
    would be done."""

    runs = fields.List(
        fields.String(), validate=validate.Length(1, MOST), metadata={"example": ["run_7"]}
    )
    limit = fields.Integer(load_default=MOST, validate=validate.Range(1, MOST))
    begin = fields.Boolean(load_default=False)


class RunsToReplay(RunChoice, ReplayQuery):
    """The same, and how: without `what` the failed steps of a run that has some, else all of it. A
    filter without `state` is about those that failed; what was done again or dismissed is left
    out."""


class RunsEnded(Schema):
    """How many runs fit, ten thousand at most, and how many are `chosen` of them at this go. Begun:
    those that were ended. `refused`: why others are not."""

    matching = fields.Integer(required=True)
    chosen = fields.Integer(required=True)
    begun = fields.List(fields.String(), required=True, allow_none=True)
    refused = fields.List(fields.String(), required=True)


class RunsAgain(RunsEnded):
    """The same for runs that are done again; begun: those that are under way."""

    version = fields.String()
    steps = fields.List(fields.Nested(StepsAgain))


class RunFileQuery(RunFilter):
    """Which runs, as JSON Lines or as CSV with a heading."""

    runs = fields.String(metadata={"description": "ids, with commas between; else all that fit"})
    format = fields.String(load_default="jsonl", validate=validate.OneOf(FORMATS))


routes = Resource("many runs", "Several runs done again, ended, or written to a file.")


@routes.post("/runs/replay", scope="events:replay", body=RunsToReplay, answer=RunsAgain)
def replay_runs(given: Document) -> Document:
    """Says what doing these runs again would do; with `begin`, does it. What was booked is not
    booked twice, and what was done again already is not once more."""
    choice, hidden = _choice(given, many_runs.to_replay)
    done = many_runs.do_again(
        runtime(), caller().org, choice, given["version"], given.get("what"),
        begin=given["begin"], by=by(),
    )  # fmt: skip
    return {**done, "refused": [*done["refused"], *hidden]}


@routes.post("/runs/cancel", scope="events:replay", body=RunChoice, answer=RunsEnded)
def cancel_runs(given: Document) -> Document:
    """Says which of these runs would be ended; with `begin`, ends them for good."""
    choice, hidden = _choice(given, many_runs.to_cancel)
    done = many_runs.end(runtime(), caller().org, choice, begin=given["begin"], by=by())
    return {**done, "refused": [*done["refused"], *hidden]}


@routes.get("/export/runs", scope="events:read", query=RunFileQuery, answer=TEXT,
            content_type=JSON_LINES)  # fmt: skip
def export_runs(query: Document) -> Response:
    """Runs with their outcome, newest first: those that are named, or all that fit."""
    db, org, format = runtime().db, caller().org, query["format"]
    if query.get("runs"):
        ids = many_runs.by_id(query["runs"].split(",")).ids
        texts = run_files.named(db, org, ids, format, _seen())
    else:
        texts = run_files.fitting(db, org, _filter(query), format, _seen())
    return streamed(texts, query)


def _choice(
    given: Document, fitting: Callable[[Any, int, Filter, int], Choice]
) -> tuple[Choice, list[str]]:
    """The runs; and of those that were named, which are not there for this key."""
    is_filtered = any(name in given for name in ("state", "event", *_NAMED))
    if ("runs" in given) is is_filtered:
        raise InvalidInput("name the runs, or say which by a filter: the one or the other")
    if is_filtered:
        if caller().lists is not None:
            raise NotAllowed("this key is kept to some lists: it can name runs, not filter them")
        return fitting(runtime(), caller().org, _filter(given), given["limit"]), []
    choice = many_runs.by_id(given["runs"])
    seen = _seen()
    there = read(lambda conn: seen(conn, stored.some(conn, caller().org, choice.ids)))
    ids = {row.id for row in there}
    hidden = [f"there is no run {public('run', id)} here" for id in choice.ids if id not in ids]
    return Choice(ids=[id for id in choice.ids if id in ids], matching=len(ids)), hidden


def _seen() -> run_files.Seen:
    """What the key may see."""
    org, lists = caller().org, read(allowed)

    def seen(conn: Any, rows: Any) -> list[RunRow]:
        return among(conn, org, lists, rows, lambda row: row.item_id)

    return seen


def _filter(given: Document) -> Filter:
    event = number("evt", given["event"]) if given.get("event") else None
    return Filter(
        state=given.get("state"), event=event, **{name: given.get(name) for name in _NAMED}
    )
