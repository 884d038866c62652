"""Runs that are ticked in the list, or all that match: done again, ended, or written to a file."""

from typing import Any

from flask import Response as Streamed
from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from relay.core.errors import InvalidInput
from relay.core.ids import number, public
from relay.pipeline import many_runs, run_files
from relay.pipeline.replay import CURRENT, RAN
from relay.storage.reads import runs as stored
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, page, pages, read, runtime
from relay.web.dashboard.runs import wanted_runs

_DOES = ("replay", "cancel")
_VERSIONS = {CURRENT: "The live version", RAN: "The version that ran"}


@pages.get("/runs/chosen")
def chosen_runs() -> str:
    """What doing that to them would do."""
    do, version = _do(request.args.get("do", "replay")), _version(request.args.get("version"))
    ids, is_cut = _chosen()
    told: dict[str, object] = {"steps": [], "refused": []}
    if do == "replay":
        told = many_runs.foretell(runtime(), me().org, ids, version)
    else:
        told["refused"] = many_runs.foretell_cancel(runtime(), me().org, ids)
    plan = {
        "do": do,
        "version": version,
        "ids": [public("run", id) for id in ids],
        "is_cut": is_cut,
        "back": url_for("dashboard.runs", **_filters()),
        **told,
    }
    return page("runs_chosen", plan=plan, versions=_VERSIONS)


@pages.post("/runs/chosen")
def do_chosen_runs() -> Response:
    me().need("operator")
    ids = [number("run", one) for one in request.form.getlist("run")][: many_runs.MOST]
    if _do(request.form.get("do")) == "replay":
        version = _version(request.form.get("version"))
        done = many_runs.replay_all(runtime(), me().org, ids, version, by=me().email)
        flash(_done(done, len(ids), "done again"))
    else:
        done = many_runs.cancel_all(runtime(), me().org, ids, by=me().email)
        flash(_done(done, len(ids), "cancelled"))
    return redirect(url_for("dashboard.runs"), 303)


@pages.get("/runs.csv")
def runs_file() -> Response:
    """Those that are ticked; without a tick all that match."""
    ticked = [number("run", one) for one in request.args.getlist("run")]
    db, org = runtime().db, me().org
    if "all" in request.args or not ticked:
        texts = run_files.fitting(db, org, wanted_runs(), "csv")
    else:
        texts = run_files.named(db, org, ticked, "csv")
    answer = Streamed(texts, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = "attachment; filename=runs.csv"
    return answer


def _done(done: many_runs.Document, asked: int, what: str) -> str:
    said = f"{len(done['runs'])} of {asked} are {what}."
    return f"{said} {done['refused'][0].capitalize()}." if done["refused"] else said


def _chosen() -> tuple[list[int], bool]:
    """The runs, newest first, and whether there are more than are done at once."""
    if "all" not in request.args:
        ticked = [number("run", one) for one in request.args.getlist("run")]
        return ticked[: many_runs.MOST], len(ticked) > many_runs.MOST
    cut = Cut(size=many_runs.MOST)
    found = read(lambda conn: stored.page(conn, me().org, wanted_runs(), cut))
    return [row.id for row in found.rows], found.older is not None


def _filters() -> dict[str, Any]:
    known = ("state", "rule", "about", "item", "event", "connector")
    return {name: request.args[name] for name in known if request.args.get(name)}


def _do(given: str | None) -> str:
    if given not in _DOES:
        raise InvalidInput("runs are replayed or cancelled")
    return given


def _version(given: str | None) -> str:
    return given if given in _VERSIONS else RAN
