"""Contacts: found by id, address or number, made, changed, merged and archived."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, select

from relay.crm.embedded import items
from relay.crm.model import Contact
from relay.storage.batches import insert_rows, update_rows
from relay.storage.crm_rows import in_order, of_org
from relay.storage.sets import among
from relay.storage.tables.crm import contact_emails, contact_phones, contacts

ACTIVE = "ACTIVE"
ARCHIVED = "ARCHIVED"

COLUMNS = (
    contacts.c.id,
    contacts.c.properties,
    contacts.c.created_ms,
    contacts.c.modified_ms,
    contacts.c.state,
)
# Of several contacts with one address the oldest is the one that is meant.
_OLDEST = (contacts.c.created_ms, contacts.c.id)
_MINE = of_org(contacts)
_BY_ID: Select[Any] = select(*COLUMNS).where(_MINE, among(contacts.c.id, "ids"))
_LOCKED = _BY_ID.order_by(in_order(contacts.c.id)).with_for_update()
_BY_EMAIL = (
    select(contact_emails.c.email_lower, *COLUMNS)
    .join_from(contact_emails, contacts, contacts.c.id == contact_emails.c.contact_id)
    .where(
        contact_emails.c.org_id == bindparam("org"),
        among(contact_emails.c.email_lower, "ids"),
        contacts.c.state == ACTIVE,
    )
    .order_by(*_OLDEST)
)
_SURVIVORS = select(contacts.c.id, contacts.c.merged_into).where(
    _MINE, among(contacts.c.id, "ids"), contacts.c.merged_into.is_not(None)
)
_ABSORBED = (
    select(contacts.c.merged_into, contacts.c.id)
    .where(_MINE, among(contacts.c.merged_into, "ids"))
    .order_by(in_order(contacts.c.id))
)
_UNINDEX_EMAILS = delete(contact_emails).where(
    of_org(contact_emails), among(contact_emails.c.contact_id, "ids")
)
_UNINDEX_PHONES = delete(contact_phones).where(
    of_org(contact_phones), among(contact_phones.c.contact_id, "ids")
)


def contact_of(row: Row[Any] | Sequence[Any]) -> Contact:
    """The contact of a row that begins with `COLUMNS`."""
    id, properties, created, modified, state = row[:5]
    return Contact(
        id=id, properties=properties, created_ms=created, modified_ms=modified, state=state
    )


def read(conn: Connection, org: int, ids: Collection[str]) -> dict[str, Contact]:
    """The contacts that are not archived, by id; unknown ones are missing."""
    return _by_id(conn, _BY_ID, org, ids)


def lock(conn: Connection, org: int, ids: Collection[str]) -> dict[str, Contact]:
    """The same, held until the transaction ends."""
    return _by_id(conn, _LOCKED, org, ids)


def _by_id(
    conn: Connection, statement: Select[Any], org: int, ids: Collection[str]
) -> dict[str, Contact]:
    if not ids:
        return {}
    found = map(contact_of, conn.execute(statement, {"org": org, "ids": list(ids)}))
    return {one.id: one for one in found if one.state == ACTIVE}


def by_email(conn: Connection, org: int, emails: Collection[str]) -> dict[str, list[Contact]]:
    """Contacts by address (in lower case), the oldest first."""
    found: dict[str, list[Contact]] = defaultdict(list)
    if emails:
        for row in conn.execute(_BY_EMAIL, {"org": org, "ids": list(emails)}):
            found[row[0]].append(contact_of(row[1:]))
    return found


def survivors(conn: Connection, org: int, ids: Collection[str]) -> dict[str, str]:
    """For absorbed contacts: the id of the one that lives on, at the end of the chain."""
    ends: dict[str, str] = {}
    open_ = {id: id for id in ids}
    while open_:
        given = {"org": org, "ids": list(set(open_.values()))}
        steps = {row.id: row.merged_into for row in conn.execute(_SURVIVORS, given)}
        open_ = {id: steps[at] for id, at in open_.items() if at in steps}
        ends.update(open_)
    return ends


def absorbed(conn: Connection, org: int, ids: Collection[str]) -> dict[str, list[str]]:
    """The ids that were merged into each contact."""
    found: dict[str, list[str]] = defaultdict(list)
    for survivor, id in conn.execute(_ABSORBED, {"org": org, "ids": list(ids)}):
        found[survivor].append(id)
    return found


def add(conn: Connection, org: int, new: Sequence[Contact]) -> None:
    """Stores new contacts."""
    insert_rows(conn, contacts, [{**_row(one), "org_id": org} for one in new])
    _index(conn, org, new)


def save(conn: Connection, org: int, changed: Sequence[Contact], moved: Collection[str]) -> None:
    """Stores changed contacts, each once; `moved` are the ids of those whose addresses or
    numbers changed."""
    update_rows(conn, contacts, [_row(one) for one in changed])
    if moved:
        _unindex(conn, org, moved)
        _index(conn, org, [one for one in changed if one.id in moved])


def archive(conn: Connection, org: int, gone: Contact, into: str | None = None) -> None:
    """Takes the contact out of every collection; `into` is the one that absorbed it."""
    row = {**_row(gone), "state": ARCHIVED, "merged_into": into}
    update_rows(conn, contacts, [row])
    _unindex(conn, org, [gone.id])


def is_on_an_item(conn: Connection, org: int, id: str) -> bool:
    return bool(items.on_items(conn, org, [id]))


def digits(phone: str) -> str:
    """The digits by which numbers are compared, an extension left out."""
    return "".join(letter for letter in phone.split("x")[0] if letter.isdigit())


def _row(one: Contact) -> dict[str, object]:
    return {
        "id": one.id,
        "properties": dict(one.properties),
        "state": one.state,
        "created_ms": one.created_ms,
        "modified_ms": one.modified_ms,
    }


def _index(conn: Connection, org: int, all_: Iterable[Contact]) -> None:
    emails = [
        {"org_id": org, "email_lower": email, "contact_id": one.id}
        for one in all_
        for email in dict.fromkeys(one.emails)
    ]
    phones = [
        {"org_id": org, "digits": number, "contact_id": one.id}
        for one in all_
        for number in dict.fromkeys(
            digits(str(entry["value"])) for entry in one.properties.get("phone") or ()
        )
        if number
    ]
    insert_rows(conn, contact_emails, emails)
    insert_rows(conn, contact_phones, phones)


def _unindex(conn: Connection, org: int, ids: Collection[str]) -> None:
    conn.execute(_UNINDEX_EMAILS, {"org": org, "ids": list(ids)})
    conn.execute(_UNINDEX_PHONES, {"org": org, "ids": list(ids)})
