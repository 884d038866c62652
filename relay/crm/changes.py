"""What became different in the CRM, with the record as it then was: what rules fire on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from relay.crm.port import Author

Record = Mapping[str, object]

# Whether anybody asks for the record: of a change by list title and field, of a creation by list
# title (None for contacts and accounts) and None, of a removal by list title and REMOVED, of
# anything else by None and its type.
Wanted = Callable[[str | None, str | None], bool]


REMOVED = "list_item.removed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field of one item went from one value to another, as rules read them: option labels as
    text, Decimal, date, aware datetime, a user's name. `at_ms` is the item's modified time.

    `record` is {"item": …, "account": … or None, "contact": … or None}; None where nobody wants it.
    """

    org: int
    list_id: str
    list_title: str
    item_id: str
    item_name: str
    field_slug: str
    from_display: object
    to_display: object
    at_ms: int
    author: Author
    record: Record | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A new item, contact, account or entry of the Stream, or, with another `verb`, one that is
    not new; the list is an item's."""

    org: int
    kind: Literal["item", "contact", "account", "stream"]
    id: str
    name: str
    list_id: str | None
    list_title: str | None
    at_ms: int
    author: Author
    record: Record | None
    verb: Literal["created", "updated", "posted"] = "created"
    item_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """An item is no longer there; `record` is what it was, as far as that is known."""

    org: int
    id: str
    name: str
    list_id: str
    list_title: str
    at_ms: int
    author: Author
    record: Record | None = None


Told = Change | Created | Removed


def wanted_always(list_title: str | None, slug: str | None) -> bool:
    """Every record is made."""
    del list_title, slug
    return True
