"""What operations are given: read, resolved for the whole chunk, and each answered by itself."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from relay.core.errors import InvalidInput, RelayError
from relay.core.facts import clean
from relay.crm.embedded import contacts
from relay.crm.embedded.desk import Desk
from relay.crm.model import Contact, Fields, FieldType
from relay.crm.port import Done, Operation, Result

_ADDRESS = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+")


def each(operations: Sequence[Operation], work: Callable[[Operation], Done]) -> list[Result]:
    """Does the work for one after the other; one that fails is answered with its error."""
    results: list[Result] = []
    for operation in operations:
        try:
            results.append(work(operation))
        except RelayError as error:
            results.append(error)
    return results


def text(operation: Operation, name: str) -> str | None:
    """A parameter as cleaned text; None where it is absent, null or empty."""
    value = operation.params.get(name)
    if value is None:
        return None
    if isinstance(value, (Mapping, list, tuple)):
        raise InvalidInput(f"{name} must be text", {name: ["must be text"]})
    return clean(str(value)) or None


def quiet(operation: Operation, name: str) -> str | None:
    """The same before the operation is carried out: what is wrong with it is said then."""
    try:
        return text(operation, name)
    except InvalidInput:
        return None


def required(operation: Operation, name: str) -> str:
    """Raises InvalidInput where the parameter is absent."""
    value = text(operation, name)
    if value is None:
        raise InvalidInput(f"{name} is needed", {name: ["is needed"]})
    return value


def yes(operation: Operation, name: str, *, default: bool) -> bool:
    value = operation.params.get(name)
    return default if value is None else value in (True, "true", "yes", "1", 1)


def address(value: str) -> str:
    """An e-mail address in lower case. Raises InvalidInput."""
    if not _ADDRESS.fullmatch(value):
        raise InvalidInput(f"{value!r} is not an e-mail address", {"email": ["is no address"]})
    return value.lower()


def people(desk: Desk, refs: Iterable[str | None]) -> dict[str, list[Contact]]:
    """Contacts by what was given for them, an id or an address; the oldest first."""
    asked = {ref for ref in refs if ref}
    emails = {ref.lower() for ref in asked if "@" in ref}
    ids = {ref for ref in asked if "@" not in ref}
    by_email = contacts.by_email(desk.conn, desk.org, emails)
    by_id = contacts.read(desk.conn, desk.org, ids)
    absent = ids - by_id.keys()
    merged = contacts.survivors(desk.conn, desk.org, absent) if absent else {}
    living = contacts.read(desk.conn, desk.org, set(merged.values()))
    found: dict[str, list[Contact]] = {}
    for ref in asked:
        one = by_id.get(ref) or living.get(merged.get(ref, ""))
        found[ref] = by_email.get(ref.lower(), []) if "@" in ref else [one] if one else []
    return found


def one_person(found: Mapping[str, Sequence[Contact]], ref: str) -> Contact:
    """The contact that is meant. Raises InvalidInput where there is none."""
    if not found.get(ref):
        raise InvalidInput(f"there is no contact {ref!r}")
    return found[ref][0]


def note_of(ref: str | None, found: Mapping[str, Sequence[Contact]]) -> dict[str, object]:
    """What people should know when an address belongs to several contacts."""
    several = len(found.get(ref or "", ()))
    if several < 2:  # noqa: PLR2004 - one is no reason for a note
        return {}
    return {"note": f"{several} contacts have {ref}: the oldest was taken"}


def addresses_in(fields: Fields, operations: Sequence[Operation]) -> set[str]:
    """The addresses that are given for fields whose values are contacts."""
    names = {
        name
        for one in fields.all
        if one.type is FieldType.CONTACT
        for name in (one.slug, one.name, one.id)
    }
    if not names:
        return set()
    given = [op.params.get("fields") for op in operations]
    values = [f.get(name) for f in given if isinstance(f, Mapping) for name in names]
    return {value.strip().lower() for value in values if isinstance(value, str) and "@" in value}
