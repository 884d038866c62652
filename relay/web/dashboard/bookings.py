"""Bookings: what was booked where, for which deal, and what does not agree."""

from flask import Response, make_response, request

from relay.pipeline import reconcile
from relay.storage.reads import bookings as stored
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, organization, page, pages, read, runtime


@pages.get("/bookings")
def bookings() -> str:
    cut = Cut.of(request.args.get("before"))
    return page("bookings", found=read(lambda conn: stored.page(conn, me().org, cut)))


@pages.get("/bookings/reconcile")
def reconciliation() -> str | Response:
    """Deals beside their documents, in a period; as CSV where that is asked for."""
    asked = request.args
    period = reconcile.period_of(
        asked.get("since"), asked.get("until"), runtime().clock.now(), organization().time_zone
    )
    ask = asked.get("ask") == "yes"
    found = reconcile.differences(runtime(), me().org, period, ask=ask)
    if asked.get("as") == "csv":
        response = make_response(reconcile.as_csv(found))
        response.mimetype = "text/csv"
        name = f"reconcile-{period.since}-{period.until}.csv"
        response.headers["Content-Disposition"] = f"attachment; filename={name}"
        return response
    return page("reconcile", found=found, period=period, ask=ask, problems=reconcile.PROBLEMS)
