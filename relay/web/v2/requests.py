"""What a request asks for: strict parameters, pages, bodies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Request

from relay.core import exact_json
from relay.core.errors import InvalidInput, Unreadable
from relay.core.facts import clean, cleaned, has_control
from relay.crm.embedded.pages import Page
from relay.crm.limits import check_texts, one_line
from relay.web.v2.answers import BadRequest

PAGE, MOST = 50, 200
LARGEST_BODY = 2 * 1024 * 1024
_MOST_TEXT = 18
_COLLECTION = ("_start", "_limit", "_ids")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The query of a request."""

    query: Mapping[str, str]

    def text(self, name: str) -> str | None:
        """A parameter; values in double quotes are taken without them."""
        value = self.query.get(name)
        return None if value is None else value.strip().strip('"').strip()

    def ids(self, name: str) -> list[str] | None:
        """A parameter of ids between commas."""
        value = self.query.get(name)
        if value is None:
            return None
        return [id for part in value.split(",") if (id := part.strip())]

    def number(self, name: str, default: int) -> int:
        """Raises BadRequest for what is not a whole number from 0."""
        value = self.query.get(name, "").strip()
        if not value:
            return default
        if not (value.isascii() and value.isdigit()) or len(value) > _MOST_TEXT:
            raise BadRequest(f"{name} must be a whole number, not {value!r}")
        return int(value)

    def page(self, *, by_date: bool = True) -> Page:
        """Which part is asked for; `by_date`: a modified date is understood. Raises BadRequest."""
        limit = self.number("_limit", PAGE)
        if limit == 0:
            raise BadRequest("_limit must be at least 1")
        since = self.query.get("modifiedDate") if by_date else None
        return Page(
            start=self.number("_start", 0),
            limit=min(limit, MOST),
            ids=self.ids("_ids"),
            modified_ms=None if not since else self.number("modifiedDate", 0),
        )


def asked(request: Request, *known: str) -> Asked:
    """The query. A name that begins with `_` and is not known is refused (recorded since January
    2016); others are ignored, for clients send strays."""
    bad = [name for name in request.args if name.startswith("_") and name not in known]
    if bad:
        raise BadRequest(f"Invalid Query Parameter(s): {', '.join(map(clean, bad))}")
    for name, value in request.args.items():
        if has_control(name) or has_control(value):
            raise BadRequest(f"the parameter {clean(name)} has control characters")
    return Asked(query=request.args)


def collection(request: Request) -> Asked:
    """The query of a collection."""
    return asked(request, *_COLLECTION)


def body(request: Request) -> Mapping[str, object]:
    """The JSON object that was sent. Raises BadRequest for what is none, InvalidInput for a text
    that is too long or has control characters, by the name of its field."""
    return an_object(_json(request))


def objects(request: Request, most: int) -> list[object]:
    """The objects of a batch, each still to be read with `an_object`. Raises BadRequest."""
    sent = _json(request)
    given = sent.get("objects") if isinstance(sent, Mapping) else None
    if not isinstance(given, list):
        raise BadRequest("the body must be a JSON object with an array of objects")
    if len(given) > most:
        raise BadRequest(f"objects has {len(given)} entries; a batch takes {most}")
    return given


def an_object(sent: object) -> Mapping[str, object]:
    """An object of the body, cleaned. Raises BadRequest and InvalidInput."""
    if not isinstance(sent, Mapping):
        raise BadRequest("the body must be a JSON object")
    try:
        ready = cleaned(sent)
    except Unreadable as error:
        raise BadRequest(str(error)) from error
    check_texts(sent)
    assert isinstance(ready, Mapping)  # noqa: S101 - for the type checker
    return ready


def _json(request: Request) -> object:
    request.max_content_length = LARGEST_BODY
    try:
        return exact_json.loads(request.get_data())
    except ValueError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error


def text_of(sent: Mapping[str, object], name: str) -> str | None:
    """A text of the body; None where it is absent or null. Raises InvalidInput."""
    value = sent.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInput(f"{name} must be text")
    return value.strip()


def name_of(sent: Mapping[str, object]) -> str | None:
    """The name in the body, on one line; None where there is none. Raises InvalidInput."""
    value = text_of(sent, "name")
    return one_line("name", value) if value else None


def needed(value: str | None, name: str) -> str:
    """A text that must be there. Raises InvalidInput."""
    if not value:
        raise InvalidInput(f"{name} is required", {name: ["is required"]})
    return value


def ids_of(sent: Mapping[str, object], name: str) -> list[str] | None:
    """An array of ids of the body; None where it is absent or null. Raises InvalidInput."""
    value = sent.get(name)
    if value is None:
        return None
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidInput(f"{name} must be an array of ids")
    if not all(isinstance(id, str) for id in value):
        raise InvalidInput(f"{name} must be an array of ids")
    return list(dict.fromkeys(str(id) for id in value))


def same_id(sent: Mapping[str, object], name: str, id: str) -> None:
    """An id in the body says the same as the path, or nothing. Raises InvalidInput."""
    if sent.get(name) not in (None, "", id):
        raise InvalidInput(f"{name} is {sent[name]!r} in the body and {id!r} in the path")
