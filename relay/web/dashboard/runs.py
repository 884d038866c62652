"""Runs: one row for each rule that was considered for an event."""

from flask import jsonify, request
from werkzeug.wrappers import Response

from relay.core.ids import number
from relay.storage.reads import runs as stored
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, page, pages, read
from relay.web.dashboard.events import chips

_TAIL = 50


@pages.get("/runs")
def runs() -> Response | str:
    if request.args.get("after"):
        return _newer()
    wanted, cut = wanted_runs(), Cut.of(request.args.get("before"))
    found, newest = read(
        lambda conn: (
            stored.page(conn, me().org, wanted, cut),
            stored.newest(conn, me().org),
        )
    )
    return page(
        "runs",
        found=found,
        wanted=wanted,
        newest=newest,
        states=stored.STATES,
        chips=chips("runs", ("state", "rule", "about", "item", "event", "connector")),
    )


def wanted_runs() -> stored.Filter:
    """The filter of the address."""
    event = request.args.get("event")
    return stored.Filter(
        state=request.args.get("state") or None,
        rule=request.args.get("rule") or None,
        about=request.args.get("about") or None,
        item=request.args.get("item") or None,
        event=number("evt", event) if event else None,
        connector=request.args.get("connector") or None,
    )


def _newer() -> Response:
    """The rows that came since, for the live tail; read by the page's script."""
    cut = Cut.of(None, request.args["after"], size=_TAIL)
    found = read(lambda conn: stored.page(conn, me().org, wanted_runs(), cut))
    rows = [page("run_row", row=row) for row in found.rows]
    return jsonify({"rows": rows, "more": found.older is not None})
