"""Connections: the state of each account at a provider, and what waits for it."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from relay.core.errors import NotFound
from relay.storage import connections as stored
from relay.storage.reads import setup
from relay.web.dashboard.blueprint import change, me, page, pages, read, runtime


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
    """Pauses a connection at once, or lets it go on."""
    pauses = request.form.get("paused") == "yes"
    state, reason = ("paused", f"paused by {me().name}") if pauses else ("active", None)
    action = "connection paused" if pauses else "connection goes on"
    with change("operator", action, f"connection {id}") as conn:
        if all(one.id != id for one in stored.all_connections(conn, me().org)):
            raise NotFound("there is no such connection here")
        stored.set_connection_state(conn, me().org, id, state, reason)
    return redirect(url_for("dashboard.connections"))
