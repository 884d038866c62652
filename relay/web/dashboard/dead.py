"""Dead letters: what gave up, grouped by cause, and looking after a whole group."""

from flask import redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from relay.core.ids import public
from relay.pipeline import failures, replay
from relay.storage.reads import deliveries, overview
from relay.storage.reads import failures as stored
from relay.storage.reads.overview import Cause
from relay.web.dashboard.blueprint import me, page, pages, read, runtime

_VERSIONS = {replay.CURRENT: "The live version", replay.RAN: "The version that ran"}


@pages.get("/dead")
def dead() -> str:
    failed, causes = read(_found)
    return page("dead", failed=failed, causes=causes)


def _found(conn: Connection) -> tuple[list[stored.Failure], list[tuple[Cause, str]]]:
    causes = overview.dead_letters(conn, me().org)
    failed = stored.failures(conn, me().org, runtime().clock.now())
    return failed, [(one, _last(conn, one)) for one in causes]


def _last(conn: Connection, cause: Cause) -> str:
    """Where the newest of them is shown, and done again."""
    if cause.name != "deliver":
        return url_for("dashboard.event", id=public("evt", cause.last_id))
    row = deliveries.detail(conn, me().org, cause.last_id).row
    if row.target_kind == "hook":
        return url_for("dashboard.hook", hook=row.target, open=public("dlv", row.id))
    if row.run_id is not None:
        return url_for("dashboard.run", id=public("run", row.run_id))
    return url_for("dashboard.hooks")


@pages.get("/dead/replay")
def failures_again() -> str:
    """What doing a group again would do."""
    cause, version = request.args.get("cause", ""), _version(request.args.get("version"))
    if not cause:
        return dead()
    plan = failures.foretell(runtime(), me().org, cause, version)
    return page("dead_again", plan=plan, versions=_VERSIONS, most=failures.MOST)


@pages.post("/dead/replay")
def replay_failures() -> Response:
    """Does the group again, or its oldest run first."""
    me().need("operator")
    limit = 1 if request.form.get("only") == "first" else failures.MOST
    cause, version = request.form.get("cause", ""), _version(request.form.get("version"))
    done = failures.replay_all(runtime(), me().org, cause, version, limit, by=me().email)
    if len(done["runs"]) == 1:
        return redirect(url_for("dashboard.run", id=done["runs"][0]), 303)
    return redirect(url_for("dashboard.dead"), 303)


@pages.post("/dead/dismiss")
def dismiss_failures() -> Response:
    """Nobody needs to look after the group any more."""
    me().need("operator")
    why = request.form.get("reason", "")
    failures.dismiss(runtime(), me().org, request.form.get("cause", ""), why, by=me().email)
    return redirect(url_for("dashboard.dead"), 303)


def _version(given: str | None) -> str:
    return given if given in _VERSIONS else replay.CURRENT
