"""Dead letters: what gave up, grouped by cause, and looking after a whole group."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from relay.pipeline import failures, replay
from relay.storage.reads import failures as stored
from relay.storage.reads import overview
from relay.web.dashboard.blueprint import me, page, pages, read, runtime

_VERSIONS = {replay.CURRENT: "The live version", replay.RAN: "The version that ran"}


@pages.get("/dead")
def dead() -> str:
    now = runtime().clock.now()
    failed, causes = read(
        lambda conn: (
            stored.failures(conn, me().org, now),
            overview.dead_letters(conn, me().org),
        )
    )
    return page("dead", failed=failed, causes=causes)


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
