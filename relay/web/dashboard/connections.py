"""Connections: the state of each account at a provider, and what waits for it."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from relay.core.ids import public
from relay.pipeline import arrange
from relay.storage import connections as stored
from relay.storage.reads import setup
from relay.web.dashboard.blueprint import me, page, pages, read, runtime


@pages.get("/connections")
def connections() -> str:
    found, waiting = read(
        lambda conn: (
            stored.all_connections(conn, me().org),
            setup.waiting_for(conn, me().org),
        )
    )
    titles = {name: one.title for name, one in runtime().integrations.items()}
    return page("connections", connections=found, waiting=waiting, titles=titles)


@pages.post("/connections/<int:id>/state")
def connection_state(id: int) -> Response:
    """Pauses a connection at once, or lets it go on with the runs that waited for it."""
    me().need("operator")
    paused = request.form.get("paused") == "yes"
    arrange.pause_connection(runtime(), me().org, public("con", id), paused=paused, by=me().email)
    return redirect(url_for("dashboard.connections"))
