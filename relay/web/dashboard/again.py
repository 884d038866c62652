"""Runs and events done again, and runs ended: the page says what will happen, then there is a
button."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from relay.core.ids import number, public
from relay.pipeline import events_again, replay
from relay.pipeline.replay import CURRENT, FAILED, RAN, WHOLE, Wanted
from relay.web.dashboard.blueprint import me, page, pages, runtime

_WHATS = {FAILED: "Failed steps only", WHOLE: "The whole run"}
_VERSIONS = {RAN: "The version that ran", CURRENT: "The live version"}


@pages.get("/runs/<id>/replay")
def run_again(id: str) -> str:
    wanted = Wanted(
        what=_one_of(request.args.get("what"), _WHATS),
        version=_one_of(request.args.get("version"), _VERSIONS) or RAN,
    )
    plan = replay.foretell(runtime(), me().org, number("run", id), wanted)
    return page("run_again", plan=plan, whats=_WHATS, versions=_VERSIONS)


@pages.post("/runs/<id>/replay")
def replay_run(id: str) -> Response:
    """Does it again; the page of the run that goes on."""
    me().need("operator")
    wanted = Wanted(
        what=_one_of(request.form.get("what"), _WHATS) or FAILED,
        version=_one_of(request.form.get("version"), _VERSIONS) or RAN,
    )
    done = replay.replay(runtime(), me().org, number("run", id), wanted, by=me().email)
    return redirect(url_for("dashboard.run", id=public("run", done)), 303)


@pages.post("/runs/<id>/cancel")
def cancel_run(id: str) -> Response:
    """Ends a run that waits or is held."""
    me().need("operator")
    replay.cancel(runtime(), me().org, number("run", id), by=me().email)
    return redirect(url_for("dashboard.run", id=id), 303)


@pages.get("/events/<id>/replay")
def event_again(id: str) -> str:
    plan = events_again.foretell(runtime(), me().org, number("evt", id))
    return page("event_again", plan=plan)


@pages.post("/events/<id>/replay")
def replay_event(id: str) -> Response:
    """Lets the rules that are ticked look at it again."""
    me().need("operator")
    event = number("evt", id)
    named = request.form.getlist("rule")
    plan = events_again.foretell(runtime(), me().org, event)
    if named or not plan["rules"]:
        events_again.replay(runtime(), me().org, event, named, by=me().email)
    return redirect(url_for("dashboard.event", id=id, tab="runs"), 303)


def _one_of(given: str | None, known: dict[str, str]) -> str | None:
    return given if given in known else None
