"""Connections: the state of each account at a provider, what waits for it, and a new one."""

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from relay.core.errors import Conflict, InvalidInput
from relay.core.ids import public
from relay.pipeline import arrange, connect, documents
from relay.storage import connections as stored
from relay.storage.reads import setup
from relay.web.dashboard.blueprint import me, organization, page, pages, read, refuse, runtime

SECRET, SETTING = "secret.", "setting."  # what the names of a form's fields begin with


@pages.get("/connections")
def connections() -> str:
    found, waiting = read(
        lambda conn: (
            stored.all_connections(conn, me().org),
            setup.waiting_for(conn, me().org),
        )
    )
    return page("connections", connections=found, waiting=waiting, kinds=kinds(), titles=titles())


@pages.get("/connections/new")
def new_connection() -> str:
    return _new(request.args.get("provider") or kinds()[0]["provider"])


@pages.post("/connections")
def add_connection() -> Response | str:
    me().need("admin")
    form = request.form
    provider = form.get("provider", "")
    asked = connect.NewConnection(
        provider=provider,
        name=form.get("name", ""),
        host=form.get("host") or None,
        url=form.get("url") or None,
        secrets=given(SECRET),
        settings=connect.from_texts(given(SETTING)),
    )
    try:
        row = connect.add(runtime(), me().org, asked, by=me().email)
    except (InvalidInput, Conflict) as refused:
        return refuse(_new(provider, problem=str(refused)), refused)
    return redirect(url_for("dashboard.connection", id=row.id))


@pages.post("/connections/<int:id>/state")
def connection_state(id: int) -> Response:
    """Pauses a connection at once, or lets it go on with the runs that waited for it."""
    me().need("operator")
    paused = request.form.get("paused") == "yes"
    arrange.pause_connection(runtime(), me().org, public("con", id), paused=paused, by=me().email)
    return redirect(url_for("dashboard.connections"))


def kinds() -> list[documents.Document]:
    """The providers that can be connected."""
    return [
        documents.connection_type(name, one)
        for name, one in runtime().integrations.items()
        if one.connector is not None
    ]


def callback() -> str:
    """Where a provider sends a person back to who let Relay in."""
    return f"{runtime().settings.base_url}/connections/callback"


def titles() -> dict[str, str]:
    return {name: one.title for name, one in runtime().integrations.items()}


def given(start: str) -> dict[str, str]:
    """The fields of the form whose names begin so; empty ones are left out."""
    return {
        name.removeprefix(start): text.strip()
        for name, text in request.form.items()
        if name.startswith(start) and text.strip()
    }


def _new(provider: str, *, problem: str = "") -> str:
    kind = next((one for one in kinds() if one["provider"] == provider), None) or kinds()[0]
    return page(
        "connection_new",
        kind=kind,
        kinds=kinds(),
        problem=problem,
        typed=request.form,
        is_test=organization().is_test,
        callback=callback(),
    )
