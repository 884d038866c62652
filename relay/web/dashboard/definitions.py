"""What lists are made of: lists, fields and options, made, renamed and deleted by an admin."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from relay.core.errors import Conflict, InvalidInput
from relay.crm.embedded import grid
from relay.crm.embedded.admin import SALES, NewField
from relay.crm.embedded.schema import ACCOUNT_FIELDS, schema
from relay.crm.model import FieldType, List
from relay.pipeline.definitions import (
    ACCOUNTS,
    Definer,
    field_called,
    field_type,
    fields_of,
    option_called,
)
from relay.storage.reads import lists as stored
from relay.web.dashboard.blueprint import me, page, pages, read, refuse, runtime

# The others are filled by the service itself and can be made by nobody.
_MAKEABLE = (
    FieldType.TEXT, FieldType.NUMERIC, FieldType.LIST, FieldType.DATE, FieldType.DATETIME,
    FieldType.USER, FieldType.CONTACT, FieldType.LOCATION,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """The list whose fields are shown; None: those of accounts."""

    id: str
    list_id: str
    list: List | None


def lists_page(problem: str = "") -> str:
    """The index of lists, with what was wrong with a new one."""
    found, counts = read(
        lambda conn: (grid.lists(conn, me().org), stored.item_counts(conn, me().org))
    )
    elsewhere = read(lambda conn: runtime().setups.of(conn, me().org).crm)
    return page("lists", lists=found, counts=counts, problem=problem, elsewhere=elsewhere)


@pages.get("/lists")
def lists() -> str:
    return lists_page()


@pages.post("/lists")
def create_list() -> Response | str:
    me().need("admin")
    given = SALES if request.form.get("sales") else ()
    try:
        made = _definer().create_list(
            request.form.get("title", ""), request.form.get("type", "account"), given
        )
    except (InvalidInput, Conflict) as error:
        return refuse(lists_page(str(error)), error)
    return redirect(url_for("dashboard.fields", id=made.id), 303)


@pages.get("/lists/<id>/fields")
def fields(id: str) -> str:
    return _fields(_meant(id))


@pages.post("/lists/<id>/rename")
def rename_list(id: str) -> Response | str:
    return _done(id, lambda it: _definer().rename_list(it.list_id, _form("title")))


@pages.post("/lists/<id>/delete")
def delete_list(id: str) -> Response | str:
    def work(meant: Meant) -> None:
        _definer().delete_list(meant.list_id)

    return _done(id, work, then=url_for("dashboard.lists"))


@pages.post("/lists/<id>/fields")
def create_field(id: str) -> Response | str:
    def work(meant: Meant) -> None:
        options = [line.strip() for line in _form("options").splitlines() if line.strip()]
        new = NewField(
            name=_form("name"),
            type=field_type(_form("type")),
            options=tuple(options),
            is_multi=bool(request.form.get("multi")),
        )
        _definer().create_field(meant.list_id, new)

    return _done(id, work)


@pages.post("/lists/<id>/fields/<field>/rename")
def rename_field(id: str, field: str) -> Response | str:
    return _done(
        id, lambda it: _definer().rename_field(it.list_id, _field(it, field), _form("name"))
    )


@pages.post("/lists/<id>/fields/<field>/delete")
def delete_field(id: str, field: str) -> Response | str:
    return _done(id, lambda it: _definer().delete_field(it.list_id, _field(it, field)))


@pages.post("/lists/<id>/fields/<field>/options")
def create_option(id: str, field: str) -> Response | str:
    return _done(
        id, lambda it: _definer().create_option(it.list_id, _field(it, field), _form("name"))
    )


@pages.post("/lists/<id>/fields/<field>/options/<option>/rename")
def rename_option(id: str, field: str, option: str) -> Response | str:
    def work(meant: Meant) -> None:
        _definer().rename_option(meant.list_id, *_option(meant, field, option), _form("name"))

    return _done(id, work)


@pages.post("/lists/<id>/fields/<field>/options/<option>/delete")
def delete_option(id: str, field: str, option: str) -> Response | str:
    def work(meant: Meant) -> None:
        _definer().delete_option(meant.list_id, *_option(meant, field, option))

    return _done(id, work)


def _done(id: str, work: Callable[[Meant], object], then: str | None = None) -> Response | str:
    """Carries out a change by an admin; what is refused is told on the page of the fields."""
    me().need("admin")
    meant = _meant(id)
    try:
        work(meant)
    except (InvalidInput, Conflict) as error:
        return refuse(_fields(meant, str(error)), error)
    return redirect(then or url_for("dashboard.fields", id=id), 303)


def _fields(meant: Meant, problem: str = "") -> str:
    known = read(lambda conn: fields_of(conn, me().org, meant.list_id))
    return page(
        "fields",
        id=meant.id,
        list=meant.list,
        fields=known.all,
        types=_MAKEABLE,
        problem=problem,
        given=request.form,
    )


def _meant(id: str) -> Meant:
    """Raises NotFound."""
    if id == ACCOUNTS:
        return Meant(id=id, list_id=ACCOUNT_FIELDS, list=None)
    found = read(lambda conn: schema(conn, me().org).list(id))
    return Meant(id=id, list_id=id, list=found)


def _field(meant: Meant, name: str) -> str:
    return field_called(read(lambda c: fields_of(c, me().org, meant.list_id)), name).id


def _option(meant: Meant, field: str, option: str) -> tuple[str, str]:
    known = field_called(read(lambda c: fields_of(c, me().org, meant.list_id)), field)
    return known.id, option_called(known, option)


def _form(name: str) -> str:
    return request.form.get(name, "")


def _definer() -> Definer:
    force = bool(request.form.get("force"))
    return Definer(runtime=runtime(), org=me().org, by=me().email, force=force)
