"""Search: an id, an email, a document's number or the beginning of a name leads to its page."""

from flask import redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from relay.core.errors import NotFound
from relay.core.ids import number, public
from relay.crm.embedded import grid
from relay.storage.reads import bookings, events, runs
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, page, pages, read


@pages.get("/search")
def search() -> Response | str:
    text = request.args.get("q", "").strip()
    direct = read(lambda conn: _by_id(conn, text))
    if direct is not None:
        return redirect(direct)
    found = read(lambda conn: _matches(conn, text)) if text else {}
    return page("search", text=text, **{**_NOTHING, **found})


_NOTHING: dict[str, object] = {"items": [], "events": [], "bookings": []}


def _by_id(conn: Connection, text: str) -> str | None:
    """The page of what is called so."""
    try:
        if text.startswith("evt_"):
            events.detail(conn, me().org, number("evt", text))
            return url_for("dashboard.event", id=public("evt", number("evt", text)))
        if text.startswith("run_"):
            runs.detail(conn, me().org, number("run", text))
            return url_for("dashboard.run", id=public("run", number("run", text)))
    except NotFound:
        return None
    return None


def _matches(conn: Connection, text: str) -> dict[str, object]:
    org = me().org
    people = grid.people_with(conn, org, text)
    firms = grid.accounts_with(conn, org, text)
    rows: dict[str, grid.Row] = {}
    for one in grid.lists(conn, org):
        views = [grid.View(name=text, limit=5)]
        views += [grid.View(contact_id=person.id, limit=5) for person in people[:5]]
        views += [grid.View(account_id=firm.id, limit=5) for firm in firms[:5]]
        for view in views:
            for row in grid.page(conn, org, one.id, view).rows:
                rows[row.item.id] = row
    return {
        "items": list(rows.values())[:20],
        "events": events.page(conn, org, events.Filter(about=text), Cut(size=20)).rows,
        "bookings": bookings.with_number(conn, org, text),
    }
