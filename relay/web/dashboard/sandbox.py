"""The stand-ins' books, and a button that pays a document in them. Test organizations only."""

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from relay.core.errors import Conflict, NotFound
from relay.pipeline import sandbox as stand_in
from relay.storage import connections as stored
from relay.web.dashboard.blueprint import change, me, organization, page, pages, read, runtime


@pages.get("/sandbox")
def sandbox() -> str:
    found = _connected()
    books = [(one, stand_in.books(runtime(), me().org, one.provider)) for one in found]
    titles = {name: one.title for name, one in runtime().integrations.items()}
    return page("sandbox", books=books, titles=titles)


@pages.post("/sandbox/<provider>/<document>/pay")
def pay(provider: str, document: str) -> Response:
    """Pays a document, as its customer would; the stand-in tells our source of it."""
    if all(one.provider != provider for one in _connected()):
        raise NotFound(f"there is no sandbox of {provider!r} here")
    with change("operator", "paid in the sandbox", f"{provider} {document}"):
        pass
    try:
        told = stand_in.pay(runtime(), me().org, provider, document)
    except Conflict as refused:
        flash(str(refused))
    else:
        flash(
            "Paid. The sandbox has told Relay of it: see Events."
            if told
            else f"Paid, but no source of the type {provider} is there to hear of it."
        )
    return redirect(url_for("dashboard.sandbox"))


def _connected() -> list[stored.ConnectionRow]:
    if not organization().is_test:
        raise NotFound("only a test organization has a sandbox")
    found = read(lambda conn: stored.all_connections(conn, me().org))
    return [one for one in found if one.sandbox_path is not None]
