"""The stand-ins' books, and a button that pays a document in them. Test organizations only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import flash, redirect, request, url_for
from werkzeug.wrappers import Response

from relay.core.errors import Conflict, NotFound
from relay.integration import Document
from relay.pipeline import sandbox as stand_in
from relay.storage import connections as stored
from relay.web.dashboard.blueprint import change, me, organization, page, pages, read, runtime

MOST_TIMES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """A sandbox's, and what it can and is to do wrong."""

    connection: stored.ConnectionRow
    documents: Sequence[Document]
    faults: Mapping[str, str]
    planned: Sequence[stand_in.Fault]


@pages.get("/sandbox")
def sandbox() -> str:
    books = [
        Books(
            connection=one,
            documents=stand_in.books(runtime(), me().org, one.provider),
            faults=stand_in.faults(runtime(), one.provider),
            planned=stand_in.planned(runtime(), me().org, one.provider),
        )
        for one in _connected()
    ]
    titles = {name: one.title for name, one in runtime().integrations.items()}
    return page("sandbox", books=books, titles=titles)


@pages.post("/sandbox/<provider>/faults")
def plan_fault(provider: str) -> Response:
    """Asks a stand-in to fail, or to work again."""
    me().need("operator")
    _check_connected(provider)
    name = request.form.get("fault", "")
    if name:
        fault = stand_in.Fault(name=name, times=_times(request.form.get("times", "")))
        stand_in.plan(runtime(), me().org, provider, fault, by=me().email)
        flash("Asked for. Set a deal to Deal Won, and look at its run.")
    else:
        stand_in.forget_faults(runtime(), me().org, provider, by=me().email)
        flash("It works as it should again.")
    return redirect(url_for("dashboard.sandbox"))


def _times(text: str) -> int:
    return min(max(int(text), 1), MOST_TIMES) if text.isascii() and text.isdigit() else 1


@pages.post("/sandbox/<provider>/<document>/pay")
def pay(provider: str, document: str) -> Response:
    """Pays a document, as its customer would; the stand-in tells our source of it."""
    _check_connected(provider)
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


def _check_connected(provider: str) -> None:
    if all(one.provider != provider for one in _connected()):
        raise NotFound(f"there is no sandbox of {provider!r} here")


def _connected() -> list[stored.ConnectionRow]:
    if not organization().is_test:
        raise NotFound("only a test organization has a sandbox")
    found = read(lambda conn: stored.all_connections(conn, me().org))
    # Several connections to one sandbox see the same books.
    return list({one.provider: one for one in reversed(found) if one.sandbox_path}.values())[::-1]
