"""Files in and out: an import with its report, and exports of what the page shows."""

from flask import Response as Streamed
from flask import request, url_for
from werkzeug.wrappers import Response

from relay.core.errors import InvalidInput, NotFound
from relay.crm.embedded import grid
from relay.crm.port import Author
from relay.pipeline import exports, imports
from relay.pipeline.imports import KINDS, Order
from relay.storage.rows import format_of
from relay.web.dashboard.blueprint import me, page, pages, read, refuse, runtime


@pages.get("/import")
def import_file() -> str:
    return _page()


@pages.post("/import")
def bring_in() -> Response | str:
    """One file, checked as a whole before anything of it is stored."""
    me().need("operator")
    try:
        file = request.files.get("file")
        if file is None or not file.filename:
            raise InvalidInput("choose a file")
        kind = request.form.get("kind", "contacts")
        order = Order(
            org=me().org,
            kind=kind,
            format=format_of(file.filename),
            author=Author(kind="person", ref=me().email),
            list_id=(request.form.get("list") or None) if kind == "items" else None,
            match=request.form.get("match") or None,
            rules=bool(request.form.get("rules")),
            skip_bad=bool(request.form.get("skip_bad")),
            check=bool(request.form.get("check")),
        )
        report = imports.bring_in(runtime(), order, file.stream)  # type: ignore[arg-type]
    except (InvalidInput, NotFound) as error:
        return refuse(_page(problem=str(error)), error)
    return _page(report=report, checked=order.check)


@pages.get("/export.csv")
def export_file() -> Response:
    """What there is of a kind; items of the list that is named."""
    kind = request.args.get("kind", "contacts")
    if kind not in KINDS:
        raise NotFound(f"there is nothing called {kind!r}")
    list_id = request.args.get("list")
    texts = exports.of_kind(runtime().db, me().org, kind, "csv", list_id)
    answer = Streamed(texts, content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f"attachment; filename={kind}.csv"
    return answer


def _page(*, problem: str = "", report: imports.Report | None = None, checked: bool = False) -> str:
    return page(
        "import",
        lists=read(lambda conn: grid.lists(conn, me().org)),
        problem=problem,
        report=report,
        checked=checked,
        form=request.form,
        back=url_for("dashboard.lists"),
    )
