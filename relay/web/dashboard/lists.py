"""Lists: each as a grid whose cells are edited in place, with what an edit will start, and the
run that it started under the row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import redirect, request, url_for
from sqlalchemy import Connection
from werkzeug.wrappers import Response

from relay.core.errors import InvalidInput, NotFound, RelayError
from relay.crm.embedded import grid
from relay.crm.embedded.people import users
from relay.crm.model import Field, FieldType, Item, List, ListType
from relay.crm.port import Author, Done, Operation
from relay.pipeline import crm, foresee
from relay.storage.reads import runs as stored_runs
from relay.web.dashboard.blueprint import me, page, pages, read, refuse, runtime
from relay.web.dashboard.stories import stories

_OWN_COLUMNS = frozenset({"process_created_date", "process_last_modified_date"})
_EDITABLE = frozenset(
    {FieldType.LIST, FieldType.TEXT, FieldType.NUMERIC, FieldType.DATE, FieldType.USER}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A cell that is open. `effects` says by option what setting it would start."""

    item: Item
    field: Field
    now: object
    effects: Mapping[str, list[foresee.Effect]]


@pages.get("/lists/<id>", endpoint="list")
def one_list(id: str) -> str:
    return page("list", **read(lambda conn: _grid(conn, id)))


@pages.post("/lists/<id>/items/<item>/<slug>")
def change_cell(id: str, item: str, slug: str) -> Response | str:
    """One value of one item. The row then shows what it started."""
    me().need("operator")
    column = _column(id, item, slug)
    given: object = request.form.getlist("value") if column.is_multi else request.form.get("value")
    try:
        _do("update_item", {"item": item, "fields": {slug: given if given is not None else ""}})
    except InvalidInput as error:
        said = (item, slug, str(error))
        return refuse(page("list", **read(lambda conn: _grid(conn, id, refused=said))), error)
    return redirect(_back(id, item), 303)


@pages.post("/lists/<id>/items")
def create_item(id: str) -> Response | str:
    """A new item, of the contact with that address, who is made where there is none."""
    me().need("operator")
    in_list = read(lambda conn: _list(conn, id))
    name, email = request.form.get("name", "").strip(), request.form.get("email", "").strip()
    fields = {"status": request.form["status"]} if request.form.get("status") else {}
    try:
        if in_list.type is ListType.CONTACT and not email:
            raise InvalidInput(f"{in_list.title} is about people: give an email address")
        params: dict[str, object] = {"list": in_list.title, "fields": fields}
        if email:
            who = name if in_list.type is ListType.CONTACT else ""
            person = {"email": email, **({"name": who} if who else {})}
            params["contact"] = _do("upsert_contact", person)["id"]
        if name:
            params["name"] = name
        made = _do("create_item", params)
    except InvalidInput as error:
        problem = str(error)
        return refuse(page("list", **read(lambda conn: _grid(conn, id, problem=problem))), error)
    return redirect(_back(id, str(made["id"])), 303)


def _grid(
    conn: Connection,
    id: str,
    *,
    refused: tuple[str, str, str] | None = None,
    problem: str = "",
) -> dict[str, Any]:
    org = me().org
    in_list = _list(conn, id)
    view = _view(in_list)
    found = grid.page(conn, org, id, view)
    named = request.args.get("item")
    rows = list(found.rows)
    if named and all(row.item.id != named for row in rows):
        rows = [row for row in [grid.one(conn, org, named)] if row.list.id == id] + rows
    ids = [row.item.id for row in rows]
    told = stories(conn, org, stored_runs.last_of_items(conn, org, ids), runtime().clock.now())
    place = f"{refused[0]}.{refused[1]}" if refused else request.args.get("edit", "")
    return {
        "list": in_list,
        "all_lists": grid.lists(conn, org),
        "columns": [one for one in in_list.fields.all if one.id not in _OWN_COLUMNS],
        "rows": rows,
        "next": found.next,
        "view": view,
        "told": told,
        "edit": _edit(conn, in_list, rows, place),
        "refused": refused[2] if refused else "",
        "problem": problem,
        "users": users(conn, org),
        "is_editable": _is_editable,
        "here_with": _here_with,
        "is_new": bool(problem) or request.args.get("new") == "yes",
    }


def _view(in_list: List) -> grid.View:
    where: dict[str, object] = {}
    if in_list.status is not None and request.args.get("status"):
        where[in_list.status.slug] = request.args["status"]
    named = request.args.get("field")
    if named:
        where[named] = request.args.get("value", "")
    return grid.View(
        sort=request.args.get("sort") or "-modified",
        where=where,
        name=request.args.get("name") or None,
        cursor=request.args.get("cursor") or None,
    )


def _edit(conn: Connection, in_list: List, rows: list[grid.Row], place: str) -> Edit | None:
    item_id, _, slug = place.partition(".")
    row = next((row for row in rows if row.item.id == item_id), None)
    column = next((one for one in in_list.fields.all if one.slug == slug), None)
    if row is None or column is None or not _is_editable(column):
        return None
    chooses = column.type is FieldType.LIST and not column.is_multi
    return Edit(
        item=row.item,
        field=column,
        now=row.cells.get(slug),
        effects=foresee.effects(runtime(), conn, me().org, in_list, row.item, column)
        if chooses
        else {},
    )


def _column(id: str, item: str, slug: str) -> Field:
    row = read(lambda conn: grid.one(conn, me().org, item))
    column = next((one for one in row.list.fields.all if one.slug == slug), None)
    if row.list.id != id or column is None or not _is_editable(column):
        raise InvalidInput(f"{row.list.title} has no field {slug!r} that can be changed here")
    return column


def _is_editable(column: Field) -> bool:
    return column.is_editable and column.type in _EDITABLE and column.id not in _OWN_COLUMNS


def _list(conn: Connection, id: str) -> List:
    found = next((one for one in grid.lists(conn, me().org) if one.id == id), None)
    if found is None:
        raise NotFound(f"there is no list {id!r} here")
    return found


def _do(verb: str, params: Mapping[str, object]) -> Mapping[str, Any]:
    """One operation by the person. Raises what the CRM says."""
    author = Author(kind="person", ref=me().email)
    operation = Operation(org=me().org, verb=verb, params=params, author=author, key="")
    (result,) = crm.write(runtime(), me().org, [operation])
    if isinstance(result, RelayError):
        raise result
    assert isinstance(result, Done)  # noqa: S101 - a result is one or the other
    return result.output


def _here_with(**changed: str | None) -> str:
    """This grid's address with other arguments."""
    given: dict[str, str | None] = {**request.args.to_dict(), **changed}
    kept = {name: value for name, value in given.items() if value}
    id = (request.view_args or {})["id"]
    return url_for("dashboard.list", id=id, **kept)  # type: ignore[arg-type]


def _back(id: str, item: str) -> str:
    """The grid as it was, with the cell closed, at the item's row."""
    given = {name: value for name, value in request.args.to_dict().items() if name != "edit"}
    return url_for("dashboard.list", id=id, **{**given, "item": item}, _anchor=f"i{item}")  # type: ignore[arg-type]
