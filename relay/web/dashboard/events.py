"""Events: the list, and one beside it with what was checked, said and caused."""

import shlex
from dataclasses import dataclass

from flask import abort, jsonify, request, url_for
from werkzeug.wrappers import Response

from relay.core.ids import number, public
from relay.storage.reads import events as stored
from relay.storage.reads.page import Cut
from relay.web.dashboard.blueprint import me, page, pages, read
from relay.web.dashboard.code import text_lines

_TABS = ("overview", "body", "headers", "runs")
_LARGEST_BODY = 100_000
_TAIL = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A filter in words, with the address of the list without it."""

    name: str
    value: str
    without: str


@pages.get("/events")
def events() -> Response | str:
    if request.args.get("after"):
        return _newer()
    wanted, cut = wanted_events(), Cut.of(request.args.get("before"))
    open_id = request.args.get("open")

    found, names, opened, newest = read(
        lambda conn: (
            stored.page(conn, me().org, wanted, cut),
            stored.source_names(conn, me().org),
            stored.detail(conn, me().org, number("evt", open_id)) if open_id else None,
            stored.newest(conn, me().org),
        )
    )
    facts = _pane(opened) if opened else {}
    return page(
        "events",
        found=found,
        sources=names,
        wanted=wanted,
        chips=chips("events", ("state", "kind", "source", "type", "about")),
        opened=opened,
        newest=newest,
        states=stored.STATES,
        kinds=stored.KINDS,
        **facts,
    )


@pages.get("/events/<id>")
def event(id: str) -> str:
    opened = read(lambda conn: stored.detail(conn, me().org, number("evt", id)))
    return page("event", opened=opened, **_pane(opened))


def wanted_events() -> stored.Filter:
    """The filter in the query string."""
    given = {name: request.args.get(name) or None for name in stored.Filter.__slots__}
    return stored.Filter(**given)


def chips(endpoint: str, names: tuple[str, ...]) -> list[Chip]:
    """The filters that are set, each with the address of the list without it."""
    given = {name: request.args[name] for name in names if request.args.get(name)}
    return [
        Chip(
            name=name,
            value=value,
            without=url_for(
                f"dashboard.{endpoint}",
                **{other: text for other, text in given.items() if other != name},  # type: ignore[arg-type]
            ),
        )
        for name, value in given.items()
    ]


def with_args(endpoint: str, **changed: str | None) -> str:
    """This list's address with other arguments."""
    given: dict[str, str | None] = {**request.args.to_dict(), **changed}
    given.pop("after", None)
    kept = {name: value for name, value in given.items() if value}
    return url_for(f"dashboard.{endpoint}", **kept)  # type: ignore[arg-type]


def _newer() -> Response:
    """The rows that came since, for the live tail; read by the page's script."""
    cut = Cut.of(None, request.args["after"], size=_TAIL)
    found = read(lambda conn: stored.page(conn, me().org, wanted_events(), cut))
    rows = [page("event_row", row=row, opened_id=None) for row in found.rows]
    return jsonify({"rows": rows, "more": found.older is not None})


def _pane(opened: stored.EventDetail) -> dict[str, object]:
    tab = request.args.get("tab", "overview")
    if tab not in _TABS:
        abort(404)
    text = (opened.body or b"").decode("utf-8", "replace")[:_LARGEST_BODY]
    return {
        "tab": tab,
        "tabs": _TABS,
        "raw": text_lines(text) if tab == "body" else [],
        "body_text": text,
        "curl": _curl(opened, text),
        "event_id": public("evt", opened.row.id),
    }


def _curl(opened: stored.EventDetail, text: str) -> str | None:
    """The delivery again, to an address that the person fills in: ours is a secret."""
    if opened.row.kind != "delivery" or opened.body is None:
        return None
    kind = opened.headers.get("content-type", "application/json")
    return f"curl {shlex.quote('<inbound URL>')} -H {shlex.quote('Content-Type: ' + kind)} \\\n  --data-binary {shlex.quote(text)}"  # noqa: E501 - one command
