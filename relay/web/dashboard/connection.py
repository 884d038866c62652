"""One connection: its settings, its secrets, whether it works, and letting Relay in by OAuth 2."""

import hmac

from flask import flash, redirect, request, session, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from relay.core.errors import Conflict, InvalidInput, RelayError, RemoteError
from relay.core.ids import public, token
from relay.integration import Asked
from relay.pipeline import arrange, connect, documents, watch_report
from relay.storage.connections import ConnectionRow
from relay.storage.reads import setup
from relay.web.dashboard.blueprint import me, page, pages, read, refuse, runtime
from relay.web.dashboard.connections import SECRET, SETTING, callback, given, titles

_UNDER_WAY = "consent"  # in the browser's signed cookie: who comes back must be who went


@pages.get("/connections/<int:id>")
def connection(id: int) -> str:
    return _shown(id)


@pages.post("/connections/<int:id>/settings")
def change_connection(id: int) -> Response | str:
    me().need("admin")
    ref = public("con", id)
    row = read(lambda conn: arrange.connection_called(conn, me().org, ref))
    asked = given(SETTING)
    emptied = dict.fromkeys(name for name in row.settings if name not in asked)
    try:
        connect.change(
            runtime(), me().org, ref, settings={**connect.from_texts(asked), **emptied},
            name=request.form.get("name") or None, by=me().email,
        )  # fmt: skip
    except (InvalidInput, Conflict) as refused:
        return refuse(_shown(id, problem=str(refused)), refused)
    flash("Kept. What is booked from now on follows it.")
    return _to(id)


@pages.post("/connections/<int:id>/secrets")
def reconnect(id: int) -> Response | str:
    me().need("admin")
    try:
        row, freed = connect.reconnect(
            runtime(), me().org, public("con", id), given(SECRET), by=me().email
        )
    except InvalidInput as refused:
        return refuse(_shown(id, problem=str(refused)), refused)
    flash(_works(freed) if row.state == "active" else "Kept. Now let Relay in.")
    return _to(id)


@pages.post("/connections/<int:id>/test")
def try_connection(id: int) -> Response:
    """Asks the provider who it is."""
    me().need("operator")
    try:
        account = arrange.try_connection(runtime(), me().org, public("con", id))
        flash(f"It works: {account}.")
    except (RemoteError, InvalidInput) as error:
        flash(f"It does not work: {error}.")
    return _to(id)


@pages.post("/connections/<int:id>/remove")
def remove_connection(id: int) -> Response | str:
    me().need("admin")
    try:
        connect.remove(runtime(), me().org, public("con", id), by=me().email)
    except Conflict as refused:
        return refuse(_shown(id, problem=str(refused)), refused)
    return redirect(url_for("dashboard.connections"))


@pages.post("/connections/<int:id>/consent")
def ask_consent(id: int) -> str:
    """The way to the provider's own page. A link leads there, for a form of ours may not."""
    me().need("admin")
    asked = Asked(redirect_uri=callback(), state=token(), verifier=token(48))
    address = connect.consent_page(runtime(), me().org, public("con", id), asked)
    row = read(lambda conn: arrange.connection_called(conn, me().org, public("con", id)))
    session[_UNDER_WAY] = {
        "state": asked.state, "verifier": asked.verifier, "connection": id, "org": me().org,
    }  # fmt: skip
    return page("consent", connection=row, address=address, titles=titles())


@pages.get("/connections/callback")
def consentcallback() -> Response | str:
    """The person is back from the provider, with a code for us or without."""
    under_way = session.pop(_UNDER_WAY, None) or {}
    state, known = request.args.get("state", ""), str(under_way.get("state", ""))
    if not known or not hmac.compare_digest(state, known) or under_way["org"] != me().org:
        return page("consent_over", problem="This way back does not belong to a connection that"
                    " you began here. Begin again from Connections.")  # fmt: skip
    me().need("admin")
    asked = Asked(redirect_uri=callback(), state=known, verifier=under_way["verifier"])
    ref = public("con", under_way["connection"])
    try:
        row, freed = connect.consented(
            runtime(), me().org, ref, asked, request.args.to_dict(), by=me().email
        )
    except RelayError as error:
        return page("consent_over", problem=str(error))
    flash(_works(freed))
    return _to(row.id)


def _shown(id: int, *, problem: str = "") -> str:
    ref = public("con", id)

    def found(conn: Connection) -> tuple[ConnectionRow, dict[int, int], documents.Document | None]:
        row = arrange.connection_called(conn, me().org, ref)
        watch = watch_report.report(conn, row, runtime().clock.now())
        return row, setup.waiting_for(conn, me().org), watch

    row, waiting, watch = read(found)
    integration = runtime().integrations[row.provider]
    return page(
        "connection",
        watch=watch,
        connection=row,
        kind=documents.connection_type(row.provider, integration),
        held=waiting.get(row.id, 0),
        problem=problem,
        not_yet=row.reason == connect.NOT_YET,
        guide=(integration.folder / "README.md").read_text("utf-8"),
    )


def _works(freed: int) -> str:
    return "Connected. " + (
        f"{freed} waiting run{'s' if freed != 1 else ''} go{'es' if freed == 1 else ''} on."
        if freed
        else "Nothing waited for it."
    )


def _to(id: int) -> Response:
    return redirect(url_for("dashboard.connection", id=id))
