"""From what a sender wrote to facts: cleaned text, values found by path, fields found by name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from relay.core import exact_json
from relay.core.errors import Unreadable

DEEPEST = 64

# Control characters, lone surrogates and noncharacters: no database or page can hold them.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_STEP = re.compile(r"\[(\d{1,6})\]|([^.\[\]]+)")
_LOOKS_LIKE_EMAIL = re.compile(r"[^@\s<>,;]{1,64}@[^@\s<>,;]{1,255}\.[^@\s<>,;]{2,63}")
_BRACKETS = re.compile(r"[\[\].]+")
_LETTERS = re.compile(r"[^a-z0-9]")
_ABOUT_THE_FORM = ("form", "meta")

# How the field is called on forms in the wild, most telling first; compared in lower case, letters
# and digits only.
NAMES: Mapping[str, tuple[str, ...]] = {
    "email": ("email", "emailaddress", "workemail", "businessemail", "youremail", "contactemail",
              "customeremail", "useremail", "mail"),
    "name": ("name", "fullname", "yourname", "contactname", "customername"),
    "first_name": ("firstname", "fname", "givenname", "first", "forename"),
    "last_name": ("lastname", "lname", "surname", "familyname", "last"),
    "phone": ("phone", "phonenumber", "telephone", "tel", "mobile", "mobilephone", "mobilenumber",
              "cell", "cellphone", "workphone", "yourphone", "contactphone"),
    "company": ("company", "companyname", "organization", "organisation", "organizationname",
                "business", "businessname", "employer", "accountname"),
}  # fmt: skip


def clean(text: str) -> str:
    """The text without control characters (line breaks and tabs stay) and without spaces around."""
    if text.isprintable():  # nearly every text: no control character is
        return text.strip()
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def has_control(text: str) -> bool:
    """Whether the text has characters that `clean` takes away wherever they stand."""
    return _CONTROL.search(text) is not None


def cleaned(value: object, depth: int = 0) -> object:
    """A JSON value with all its texts and names cleaned. Raises Unreadable where it is nested
    deeper than anything people send."""
    if depth > DEEPEST:
        raise Unreadable(f"the body is nested deeper than {DEEPEST} levels")
    match value:
        case str():
            return clean(value)
        case Mapping():
            return {clean(str(key)): cleaned(item, depth + 1) for key, item in value.items()}
        case list():
            return [cleaned(item, depth + 1) for item in value]
        case _:
            return value


def document(body: bytes) -> object:
    """A JSON body, cleaned, its numbers exact. Raises Unreadable."""
    try:
        value = exact_json.loads(body)
    except ValueError as error:
        raise Unreadable(f"the body is not JSON: {error}") from error
    return cleaned(value)


def a_map(value: object) -> Mapping[str, object]:
    """The value where it is a map, else an empty one: senders leave parts out."""
    return value if isinstance(value, Mapping) else {}


def a_list(value: object) -> Sequence[object]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def a_text(value: object) -> str | None:
    """The value as text where it is one or a number; None for empty text and anything else."""
    if isinstance(value, str):
        return value.strip() or None
    if value is None or isinstance(value, (bool, Mapping, list)):
        return None
    return str(value).strip() or None


def at_path(value: object, path: str) -> object:
    """What stands at `data.items[0].id` (a leading `$.` is allowed); None where nothing does."""
    for index, name in _STEP.findall(path.removeprefix("$")):
        if name:
            value = a_map(value).get(name)
        else:
            items, position = a_list(value), int(index)
            value = items[position] if position < len(items) else None
    return value


def flattened(fields: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every text in the fields with the name leading to it; the first of a list stands for it."""
    for name, value in fields.items():
        path = f"{prefix}.{name}" if prefix else name
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, Mapping):
            yield from flattened(first, path)
        elif (text := a_text(first)) is not None:
            yield path, text


def find_person(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The texts for email, name, first and last name, phone and company, found by the fields'
    names. An address in a field of another name is taken where it is the only one."""
    by_name: dict[str, str] = {}
    for path, text in fields:
        for part in _parts(path):
            by_name.setdefault(part, text)
    found = {
        fact: next(by_name[name] for name in names if name in by_name)
        for fact, names in NAMES.items()
        if not by_name.keys().isdisjoint(names)
    }
    if "@" not in found.get("email", ""):
        addresses = {text for _, text in fields if _LOOKS_LIKE_EMAIL.fullmatch(text)}
        if len(addresses) == 1:
            found["email"] = addresses.pop()
    return found


# Forms repeat their names; working them out anew is most of what a post costs before it is stored.
@lru_cache(maxsize=4096)
def _parts(path: str) -> tuple[str, ...]:
    """A field is called by its whole name or by its last part; `fields[email][value]`, as form
    builders send it, by the part before. What describes the form itself is nobody's name."""
    parts = [part for part in _BRACKETS.split(path) if part]
    if len(parts) > 1 and parts[0].lower() in _ABOUT_THE_FORM:
        return ()
    last = parts[-2:-1] if parts[-1:] == ["value"] and len(parts) > 1 else parts[-1:]
    return tuple(_LETTERS.sub("", name.lower()) for name in (path, *last))
