"""Form posts, read from raw bytes: urlencoded, multipart or JSON, each name once."""

from collections.abc import Iterable
from email.message import Message
from functools import lru_cache
from io import BytesIO

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from relay.core.errors import Unreadable
from relay.core.facts import clean, document

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
LARGEST_FORM = 10 * 1024 * 1024
LARGEST_FIELDS = 1024 * 1024
MOST_PARTS = 1000
NAMELESS = ""  # the name of what has none


# A sender writes the same header each time.
@lru_cache(maxsize=64)
def content_type(header: str) -> tuple[str, dict[str, str]]:
    """`multipart/form-data; boundary=x` as its type, in lower case, and its parameters."""
    message = Message()
    message["content-type"] = clean(header).replace("\n", " ")
    parameters = message.get_params(failobj=[]) or []
    return message.get_content_type() if header else "", {
        str(name).lower(): str(value) for name, value in parameters[1:]
    }


def kind_of(header: str, body: bytes) -> str:
    """`form`, `json` or the content type itself. A sender that says nothing, or `text/plain` as
    scripts on pages do, is judged by how its body begins."""
    kind, _ = content_type(header)
    if kind in (FORM, MULTIPART):
        return "form"
    if kind.endswith(("/json", "+json")):
        return "json"
    if kind in ("", "text/plain"):
        return "json" if body.lstrip()[:1] in (b"{", b"[") else kind or "form"
    return kind


def read(header: str, body: bytes) -> list[dict[str, object]]:
    """The submissions in a post: one for a form, one for each object of a JSON array.

    A name that comes several times, or ends in `[]`, has a list; a file is noted as
    {file, type, size} and not kept. Raises Unreadable.
    """
    match kind_of(header, body):
        case "form":
            return [_form(header, body)]
        case "json":
            return _objects(document(body))
        case kind:
            raise Unreadable(f"a form does not come as {kind[:80]!r}")


def _objects(value: object) -> list[dict[str, object]]:
    """A member of an array that is no object spoils none of the others: it has no names."""
    items = value if isinstance(value, list) else [value]
    found = [dict(item) if isinstance(item, dict) else {NAMELESS: item} for item in items]
    if not any(isinstance(item, dict) for item in items):
        raise Unreadable("the body is neither a JSON object nor an array of them")
    return found


def _form(header: str, body: bytes) -> dict[str, object]:
    kind, parameters = content_type(header)
    if kind != MULTIPART and body.count(b"&") >= MOST_PARTS:
        raise Unreadable(f"the form has more than {MOST_PARTS} fields")
    parser = FormDataParser(
        stream_factory=lambda *_, **__: BytesIO(),
        max_form_memory_size=LARGEST_FIELDS,
        max_content_length=LARGEST_FORM,
        max_form_parts=MOST_PARTS,
        silent=False,
    )
    try:
        _, fields, files = parser.parse(BytesIO(body), kind or FORM, len(body), parameters)
    except (ValueError, RequestEntityTooLarge, LookupError) as error:
        raise Unreadable(f"the form cannot be read: {error}") from error
    uploads = (
        (name, {
            "file": clean(file.filename or ""),
            "type": clean(file.content_type or ""),
            "size": len(file.stream.read()),
        })
        for name, file in files.items(multi=True)
    )  # fmt: skip
    texts = ((name, clean(value)) for name, value in fields.items(multi=True))
    return _gathered([*texts, *uploads])


def _gathered(pairs: Iterable[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, list[object]] = {}
    lists: set[str] = set()
    for sent, value in pairs:
        name = clean(sent)
        if name.endswith("[]"):
            name = name.removesuffix("[]")
            lists.add(name)
        values.setdefault(name, []).append(value)
    return {
        name: found if name in lists or len(found) > 1 else found[0]
        for name, found in values.items()
    }
