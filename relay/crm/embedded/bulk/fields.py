"""Field values of a line, by a field's name in rules, its label or its id."""

from collections.abc import Mapping, Sequence

from relay.crm.embedded import contacts
from relay.crm.embedded.bulk.outcome import several
from relay.crm.embedded.desk import Desk
from relay.crm.model import Fields, FieldType, Stored
from relay.crm.naming import named_values
from relay.crm.values import Sent
from relay.storage.rows import Row


def values_of(fields: Fields, given: Mapping[str, object], sent: Sent) -> dict[str, Stored | None]:
    """The values, ready to be stored; null clears. What cannot be written is left out: an export
    has it. Raises InvalidInput."""
    ready: dict[str, object] = {}
    for name, value in given.items():
        one = fields.by_name.get(name)
        if one is not None and not one.is_editable:
            continue
        is_many = one is not None and one.is_multi and isinstance(value, str)
        ready[name] = several(name, value) if is_many else value
    return named_values(fields, ready, sent)


def sent_for(desk: Desk, fields: Fields, rows: Sequence[Row]) -> Sent:
    """How the values of these lines are converted: contacts may be named by address."""
    people = [one for one in fields.all if one.type is FieldType.CONTACT]
    names = {name for one in people for name in (one.id, one.slug, one.name)}
    emails = {
        text.lower()
        for row in rows
        for name in names & row.values.keys()
        for text in several(name, row.values[name] or "")
        if "@" in text
    } if names else set()  # fmt: skip
    found = contacts.by_email(desk.conn, desk.org, emails)
    return desk.sent(mapped=True, contacts={email: them[0].id for email, them in found.items()})
