"""The contacts that a chunk of operations means, found together."""

from collections.abc import Iterable, Mapping, Sequence

from relay.core.errors import InvalidInput
from relay.crm.embedded import contacts
from relay.crm.embedded.desk import Desk
from relay.crm.model import Contact, Fields, FieldType
from relay.crm.port import Operation


def people(desk: Desk, refs: Iterable[str | None]) -> dict[str, list[Contact]]:
    """Contacts by what was given for them, an id or an address; the oldest first."""
    asked = {ref for ref in refs if ref}
    emails = {ref.lower() for ref in asked if "@" in ref}
    ids = {ref for ref in asked if "@" not in ref}
    by_email = contacts.by_email(desk.conn, desk.org, emails)
    known = {id: desk.known[id] for id in ids & desk.known.keys()}
    by_id = known | contacts.read(desk.conn, desk.org, ids - known.keys())
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
