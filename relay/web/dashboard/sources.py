"""Sources: inbound addresses, their secrets, their state, and what came last."""

from dataclasses import dataclass

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from relay.core import ids
from relay.core.errors import Conflict, InvalidInput
from relay.integration import Source
from relay.storage import connections as stored_connections
from relay.storage import sources as stored
from relay.storage.reads import events, setup
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import change, me, page, pages, read, runtime

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
    row, last = read(
        lambda conn: (
            stored.source_named(conn, runtime().vault, me().org, name),
            events.page(conn, me().org, events.Filter(source=name), Cut(size=_LAST)),
        )
    )
    kind = _kind(row.type)
    return page(
        "source",
        source=row,
        address=address(row),
        kind=kind,
        title=runtime().integrations[row.type].title,
        last=last,
        guide=(runtime().integrations[row.type].folder / "README.md").read_text("utf-8"),
    )


@pages.post("/sources")
def create_source() -> Response | str:
    """A new inbound address; a secret that we make is shown this once."""
    type, name = request.form.get("type", ""), request.form.get("name", "").strip()
    given = request.form.get("secret", "").strip()
    try:
        kind = _kind(type)
        secret = ids.token() if kind.secret == "generated" else given or None  # noqa: S105
        with change("admin", "source created", name) as conn:
            fitting = [
                one.id
                for one in stored_connections.all_connections(conn, me().org)
                if one.provider == type
            ]
            row = stored.create_source(
                conn,
                runtime().vault,
                me().org,
                type=type,
                name=name,
                secret=secret,
                connection_id=fitting[0] if len(fitting) == 1 else None,
                at=runtime().clock.now(),
            )
    except (InvalidInput, Conflict) as refused:
        return _sources(problem=str(refused), wanted=name, chosen=type)
    if kind.secret != "generated":  # noqa: S105
        return redirect(url_for("dashboard.source", name=name))
    return _shown_once(row, str(secret), "The source is made")


@pages.post("/sources/<name>/rotate")
def rotate_source(name: str) -> Response | str:
    """A new secret; the old one counts for a day more."""
    given = request.form.get("secret", "").strip()
    with change("admin", "source secret rotated", name) as conn:
        row = stored.source_named(conn, runtime().vault, me().org, name)
        made = _kind(row.type).secret == "generated"  # noqa: S105
        secret = ids.token() if made else given
        if not secret:
            raise InvalidInput("paste the secret that the sender shows")
        now = runtime().clock.now()
        stored.rotate_secret(conn, runtime().vault, row, secret, now=now)
    if not made:
        return redirect(url_for("dashboard.source", name=name))
    return _shown_once(row, secret, "The secret is changed")


@pages.post("/sources/<name>/state")
def source_state(name: str) -> Response:
    """Pauses a source at once, or lets it go on."""
    pauses = request.form.get("paused") == "yes"
    state, reason = ("paused", f"paused by {me().name}") if pauses else ("active", None)
    with change("operator", "source paused" if pauses else "source goes on", name) as conn:
        row = stored.source_named(conn, runtime().vault, me().org, name)
        stored.set_state(conn, me().org, row.id, state, reason)
    return redirect(url_for("dashboard.source", name=name))


def address(row: stored.SourceRow) -> str:
    """Where the sender posts to."""
    return f"{runtime().settings.base_url}/in/{row.type}/{row.token}"


def _kind(type: str) -> Source:
    integration = runtime().integrations.get(type)
    if integration is None or integration.source is None:
        raise InvalidInput(f"there is no type of source {type!r}")
    return integration.source


def _sources(*, problem: str = "", wanted: str = "", chosen: str = "") -> str:
    rows, last = read(
        lambda conn: (
            stored.all_sources(conn, runtime().vault, me().org),
            setup.last_deliveries(conn, me().org),
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
        kinds=kinds,
        titles={kind.name: kind.title for kind in kinds},
        problem=problem,
        wanted=wanted,
        chosen=chosen,
    )


def _shown_once(row: stored.SourceRow, secret: str, title: str) -> str:
    return render_template(
        "dashboard/source_secret.html", title=title, source=row, secret=secret, address=address(row)
    )
