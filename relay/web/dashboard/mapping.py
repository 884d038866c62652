"""A source's fields beside a list's, edited as a form that works without a script: each press of a
button shows the page again, with what the last delivery would become."""

from collections.abc import Mapping
from typing import Any

import orjson
from flask import redirect, request, url_for
from werkzeug.wrappers import Response

from relay.core.errors import InvalidInput, RelayError
from relay.core.ids import public
from relay.crm.model import Field, FieldType
from relay.crm.values import People, Sent, stored
from relay.mapping import NOBODY, SEVERAL, parts_of
from relay.pipeline import arrange, fitting, senders
from relay.pipeline.cells import Cell
from relay.pipeline.fitting import Fitting
from relay.pipeline.preview import Preview, preview
from relay.pipeline.senders import Delivered
from relay.web.dashboard.blueprint import me, page, pages, read, refuse, runtime

SETTINGS = ("list", "nobody", "several", "email")
_MOST_ROWS = 100
_TREATED = {"digits": senders.digits_only, "numbers": senders.numbers_only}
_SAID = {"digits": "digits only", "numbers": "only where it is a number"}


@pages.get("/sources/<name>/fields")
def source_fields(name: str) -> str:
    source = read(lambda conn: arrange.source_called(runtime(), conn, me().org, name))
    parts = [*parts_of(source.mapping)] if source.mapping else [{}]
    return _page(name, parts, _number(len(parts)))


@pages.post("/sources/<name>/fields")
def change_source_fields(name: str) -> Response | str:
    """Tries what the form says, or saves it."""
    me().need("admin")
    source = read(lambda conn: arrange.source_called(runtime(), conn, me().org, name))
    parts = [dict(part) for part in parts_of(source.mapping)] if source.mapping else [{}]
    number = _number(len(parts))
    kind, _, about = request.form.get("action", "try").partition(":")
    if kind == "none":
        arrange.set_source_mapping(runtime(), me().org, name, None, by=me().email)
        return redirect(url_for("dashboard.source_fields", name=name), 303)
    if kind == "usual":
        found = read(lambda conn: fitting.usual(runtime(), conn, me().org, source))
        return _page(name, [*parts_of(found)] if found else parts, 0, is_draft=True)
    try:
        parts[number] = _pressed(_drawn(parts[number]), kind, about)
        if kind != "save":
            return _page(name, parts, number, is_draft=True)
        arrange.set_source_mapping(runtime(), me().org, name, _whole(parts), by=me().email)
    except RelayError as error:
        return refuse(_page(name, parts, number, is_draft=True, problem=str(error)), error)
    return redirect(url_for("dashboard.source_fields", name=name, part=number or None), 303)


def _drawn(part: Mapping[str, Any]) -> dict[str, Any]:
    """The part as the form says it. A row without a field is left out; another list begins without
    rows."""
    settings = {key: request.form[key] for key in SETTINGS if request.form.get(key)}
    if settings.get("list", part.get("list")) != part.get("list"):
        return fitting.adjusted({k: v for k, v in part.items() if k != "values"}, settings)
    rows = zip(request.form.getlist("from"), request.form.getlist("to"), strict=False)
    fields: dict[str, object] = dict.fromkeys(part.get("fields", {}))
    fields |= {to: sent for sent, to in [*rows][:_MOST_ROWS] if sent and to}
    drawn = fitting.adjusted({k: v for k, v in part.items() if k != "values"}, settings, fields)
    tables = {slug: table for slug in drawn.get("fields", {}) if (table := _table(slug))}
    return {**drawn, "values": tables} if tables else drawn


def _table(slug: str) -> dict[str, str]:
    """A field's translations as the page keeps them while nothing is saved."""
    try:
        found = orjson.loads(request.form.get(f"value-{slug}", "{}"))
    except orjson.JSONDecodeError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _pressed(part: dict[str, Any], kind: str, about: str) -> dict[str, Any]:
    """What a button besides adds to the form or takes out of it."""
    fields = dict(part.get("fields", {}))
    match kind:
        case "remove":
            fields.pop(about, None)
        case "use":
            slug, _, expression = about.partition("=")
            fields[slug] = expression
        case "digits" | "numbers" if about in fields:
            fields[about] = _TREATED[kind](str(fields[about]))
        case "translate":
            sent = request.form.get(f"sent-{about}", "")
            becomes = request.form.get(f"option-{about}", "")
            tables = {slug: dict(table) for slug, table in part.get("values", {}).items()}
            tables.setdefault(about, {})[sent] = becomes
            return {**part, "values": tables}
        case _:
            return part
    return {**part, "fields": fields} if "list" in part else part


def _whole(parts: list[dict[str, Any]]) -> dict[str, Any]:
    first, *others = parts
    return first | ({"also": others} if others else {})


def _number(count: int) -> int:
    given = request.values.get("part", "0")
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 4 else 0  # noqa: PLR2004
    return min(number, count - 1)


def _page(
    name: str,
    parts: list[Any],
    number: int,
    *,
    is_draft: bool = False,
    problem: str = "",
) -> str:
    part = parts[number]
    found = read(lambda conn: _beside(conn, name, part))
    about = [one for one in found.delivered if part.get("event", "*") in ("*", one.parsed.type)]
    at = _at(about)
    told, problem = _tried(found, parts, about[at] if about else None, problem)
    return page(
        "source_fields",
        source=found.source,
        title=runtime().integrations[found.source.type].title,
        parts=parts,
        number=number,
        part=part,
        found=found,
        told=told,
        tally=_tally(found, parts, about) if request.args.get("all") == "yes" else None,
        problem=problem,
        delivered=about,
        at=at,
        is_draft=is_draft,
        adding=_adding(),
        nobody=NOBODY,
        several=SEVERAL,
        called=lambda expression: _called(found, str(expression)),
        unused=_unused(found, part),
        foreign=lambda cell: _foreign(found, cell),
        cells={cell.slug: cell for cell in told.cells} if told else {},
        numeric=FieldType.NUMERIC.value,
    )


def _adding() -> str | None:
    """The expression of a row that is still to go somewhere; empty: none is chosen yet."""
    kind, _, expression = request.form.get("action", "").partition(":")
    return expression if kind == "add" else None


def _beside(conn: Any, name: str, part: Mapping[str, Any]) -> Fitting:
    return fitting.fitting(runtime(), conn, me().org, name, part=part)


def _at(about: list[Delivered]) -> int:
    wanted = request.values.get("event")
    ids = [public("evt", one.event) if one.event is not None else "" for one in about]
    return ids.index(wanted) if wanted in ids else 0


def _tried(
    found: Fitting, parts: list[Any], delivered: Delivered | None, problem: str
) -> tuple[Preview | None, str]:
    if delivered is None or problem or not parts[0]:
        return None, problem
    try:
        return preview(runtime(), found.source, _whole(parts), delivered), ""
    except InvalidInput as error:
        return None, str(error)


def _tally(
    found: Fitting, parts: list[Any], about: list[Delivered]
) -> list[tuple[Delivered, Preview]]:
    """What each of the last deliveries would do."""
    mapping = _whole(parts)
    return [(one, preview(runtime(), found.source, mapping, one)) for one in about]


def _called(found: Fitting, expression: str) -> str:
    """An expression as people know it: the sender's field, how it is treated, else itself."""
    for one in found.senders:
        name = f"{one.label} ({one.name})" if one.label and one.label != one.name else one.name
        if expression == one.expression:
            return name
        for kind, treat in _TREATED.items():
            if expression == treat(one.expression):
                return f"{name}, {_SAID[kind]}"
    return expression


def _foreign(found: Fitting, cell: Cell) -> str | None:
    """The first text that was sent for a field of options and is none of them."""
    column = found.into.fields.by_name.get(cell.slug) if found.into else None
    if column is None or not column.options:
        return None
    sent = cell.sent if isinstance(cell.sent, list) else [cell.sent]
    return next((one for one in sent if isinstance(one, str) and not _is_option(column, one)), None)


def _is_option(column: Field, text: str) -> bool:
    try:
        return stored(column, [text], Sent(people=People, mapped=True)) is not None
    except InvalidInput:
        return False


def _unused(found: Fitting, part: Mapping[str, Any]) -> list[senders.SenderField]:
    """What was sent, is not empty, and goes nowhere."""
    text = str({key: part.get(key) for key in ("fields", "contact", "account", "email")})
    return [one for one in found.senders
            if one.expression[2:-1] not in text and one.sent not in (None, "", [])]  # fmt: skip
