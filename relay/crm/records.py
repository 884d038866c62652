"""Records as rules bind them, from whichever CRM."""

from collections.abc import Sequence
from functools import lru_cache

from relay.crm.model import Account, Contact, Fields, Item, List
from relay.crm.moments import instant
from relay.crm.values import Lookup, bound
from relay.people import split_name

_first_and_last = lru_cache(maxsize=8192)(split_name)


def item_record(
    in_list: List, item: Item, people: Sequence[Contact], users: Lookup
) -> dict[str, object]:
    """The item as rules read it; every field of the list is there, an empty one as None."""
    fields = {
        field.slug: bound(field, value_of(field.id, item), users) for field in in_list.fields.all
    }
    owner = fields.get("owner")
    return {
        **fields,
        "id": item.id,
        "name": item.name,
        "created": instant(item.created_ms),
        "modified": instant(item.modified_ms),
        "owner": owner if isinstance(owner, dict) else None,
        "emails": list(dict.fromkeys(email for one in people for email in _emails(one))),
    }


def value_of(field_id: str, item: Item) -> str | list[str] | None:
    """The stored value; the Created Date is not stored twice."""
    if field_id == "process_created_date":
        return str(item.created_ms)
    return item.values.get(field_id)


def account_record(fields: Fields, account: Account, users: Lookup) -> dict[str, object]:
    """The account as rules read it."""
    values = {field.slug: bound(field, account.values.get(field.id), users) for field in fields.all}
    return {**values, "id": account.id, "name": account.name}


def contact_record(contact: Contact) -> dict[str, object]:
    """The contact as rules read it."""
    first, last = _first_and_last(contact.name) if contact.name else (None, None)
    return {
        "id": contact.id,
        "email": contact.email,
        "name": contact.name,
        "first_name": first,
        "last_name": last,
        "phone": contact.preferred("phone"),
        "title": contact.preferred("title"),
    }


def _emails(contact: Contact) -> list[str]:
    """Every address of a contact, the preferred one first."""
    first = contact.email
    return [first, *contact.emails] if first else contact.emails
