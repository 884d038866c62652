"""Sources: inbound addresses, their secrets, their state, and what came last."""

from collections.abc import Sequence
from dataclasses import dataclass

from flask import redirect, render_template, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from relay.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from relay.core.ids import public
from relay.crm.model import List
from relay.mapping import parts_of
from relay.pipeline import arrange, documents, sample
from relay.pipeline.crm_lists import lists_of
from relay.samples import cases
from relay.storage import connections, refusals
from relay.storage import sources as stored
from relay.storage.reads import events, setup
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, page, pages, read, refuse, runtime
from relay.web.dashboard.connections import given

OPTION = "option."  # what the names of a form's fields begin with
_LAST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type of source that can be made."""

    name: str
    title: str
    secret: str


@pages.get("/sources")
def sources() -> str:
    return _sources()


@pages.get("/sources/<name>")
def source(name: str) -> str:
    return _source(name)


def _source(name: str, *, problem: str = "") -> str:
    with runtime().db.read() as conn:
        row = stored.source_named(conn, runtime().vault, me().org, name)
        accounts = [
            one for one in connections.all_connections(conn, me().org) if one.provider == row.type
        ]
        last = events.page(conn, me().org, events.Filter(source=name), Cut(size=_LAST))
        refused = refusals.refused(conn, me().org, row.id)
    kind = arrange.source_type(runtime(), row.type)
    return page(
        "source",
        source=row,
        parts=[*parts_of(row.mapping)] if row.mapping else [],
        address=address(row),
        kind=kind,
        title=runtime().integrations[row.type].title,
        last=last,
        refused=refused,
        cases=cases(runtime().integrations[row.type], row.options),
        accounts=accounts,
        problem=problem,
        guide=runtime().integrations[row.type].setup(),
    )


@pages.post("/sources")
def create_source() -> Response | str:
    """A new inbound address; a secret that we make is shown this once."""
    me().need("admin")
    type, name = request.form.get("type", ""), request.form.get("name", "").strip()
    asked = arrange.NewSource(
        type=type,
        name=name,
        secret=request.form.get("secret", "").strip() or None,
        list=request.form.get("list") or None,
    )
    try:
        row, secret = arrange.create_source(runtime(), me().org, asked, by=me().email)
    except (InvalidInput, Conflict) as refused:
        return refuse(_sources(problem=str(refused), wanted=name, chosen=type), refused)
    if secret is None:
        return redirect(url_for("dashboard.source", name=row.name))
    return _shown_once(row, secret, "The source is made")


@pages.post("/sources/<name>/rotate")
def rotate_source(name: str) -> Response | str:
    """A new secret; the old one counts for a day more."""
    me().need("admin")
    fresh = request.form.get("secret", "").strip() or None
    try:
        row, secret = arrange.rotate_source(runtime(), me().org, name, fresh, by=me().email)
    except InvalidInput as refused:
        return refuse(_source(name, problem=str(refused)), refused)
    if secret is None:
        return redirect(url_for("dashboard.source", name=name))
    return _shown_once(row, secret, "The secret is changed")


@pages.post("/sources/<name>/options")
def change_source(name: str) -> Response | str:
    """How it checks and reads what comes, and what completes it."""
    me().need("admin")
    row = read(lambda conn: stored.source_named(conn, runtime().vault, me().org, name))
    asked = given(OPTION)
    emptied = dict.fromkeys(option for option in row.options if option not in asked)
    through = request.form.get("connection") or None
    try:
        arrange.change_source(
            runtime(), me().org, name, options={**asked, **emptied}, connection=through,
            by=me().email,
        )  # fmt: skip
    except (InvalidInput, NotFound) as refused:
        return refuse(_source(name, problem=str(refused)), refused)
    return redirect(url_for("dashboard.source", name=name))


@pages.post("/sources/<name>/sample")
def send_sample(name: str) -> Response | str:
    """Sends a signed sample to the source, as its sender would, and shows what it became."""
    me().need("operator")
    row = read(lambda conn: stored.source_named(conn, runtime().vault, me().org, name))
    case = request.form.get("case") or None
    try:
        sent = sample.send(runtime(), row, case, by=me().email)
    except (Conflict, InvalidInput, NotFound, Unavailable) as refused:
        return refuse(_source(name, problem=str(refused)), refused)
    if sent.event is None:
        return redirect(url_for("dashboard.source", name=name))
    return redirect(url_for("dashboard.event", id=public("evt", sent.event)))


@pages.post("/sources/<name>/state")
def source_state(name: str) -> Response:
    """Pauses a source at once, or lets it go on."""
    me().need("operator")
    paused = request.form.get("paused") == "yes"
    arrange.pause_source(runtime(), me().org, name, paused=paused, by=me().email)
    return redirect(url_for("dashboard.source", name=name))


def address(row: stored.SourceRow) -> str:
    """Where the sender posts to."""
    return documents.inbound_url(row, runtime().settings.base_url)


def _sources(*, problem: str = "", wanted: str = "", chosen: str = "") -> str:
    rows, last, lists = read(
        lambda conn: (
            stored.all_sources(conn, runtime().vault, me().org),
            setup.last_deliveries(conn, me().org),
            _lists(conn),
        )
    )
    kinds = [
        Kind(name=name, title=one.title, secret=one.source.secret)
        for name, one in runtime().integrations.items()
        if one.source is not None
    ]
    return page(
        "sources",
        sources=rows,
        last=last,
        lists=lists,
        kinds=kinds,
        titles={kind.name: kind.title for kind in kinds},
        problem=problem,
        wanted=wanted,
        chosen=chosen,
    )


def _lists(conn: Connection) -> Sequence[List]:
    """Those that a source can fill; none while a CRM elsewhere has not been read."""
    try:
        return lists_of(runtime(), conn, me().org).lists
    except InvalidInput:
        return ()


def _shown_once(row: stored.SourceRow, secret: str, title: str) -> str:
    return render_template(
        "dashboard/source_secret.html", title=title, source=row, secret=secret, address=address(row)
    )
