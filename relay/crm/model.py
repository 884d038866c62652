"""What the CRM holds: accounts, contacts, lists with typed fields, and their items."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property, lru_cache

# What rules always find on an item, an account and a contact (docs/rules.md).
ITEM_NAMES = frozenset({"id", "name", "created", "modified", "owner", "emails"})
ACCOUNT_NAMES = frozenset({"id", "name"})

CREATED_FIELD = "process_created_date"
CLOSE_FIELD = "process_close_date"
OWNER = "owner"

# An item with one of these statuses is no longer open, unless its option says otherwise.
CLOSED = frozenset({"paid", "deal lost", "lost", "closed", "closed lost", "closed won"})

_KEYWORDS = frozenset({
    "as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in",
    "let", "loop", "namespace", "null", "package", "return", "true", "type", "var", "void",
    "while",
})  # fmt: skip
_OTHERS = re.compile(r"[^a-z0-9]+")

# An option id, a text, a number's digits, YYYY-MM-DD, milliseconds, a user's id: as on the wire.
Stored = str | list[str]


class FieldType(StrEnum):
    """`dataType` on the wire (https://api.salesforceiq.com/, "Fields")."""

    TEXT = "Text"
    NUMERIC = "Numeric"
    LIST = "List"
    DATETIME = "DateTime"
    DATE = "Date"
    USER = "User"
    CONTACT = "Contact"
    LOCATION = "Location"
    PHONE = "Phone"
    EMAIL = "Email"
    LINKEDIN = "LinkedIn"
    FILE = "File"
    ITEM_LINK = "ItemLink"


class ListType(StrEnum):
    """What a list's items are about."""

    ACCOUNT = "account"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One choice of a List field. An item whose status `is_closed` is no longer open."""

    id: str
    display: str
    is_closed: bool = False


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column of a list, or a property of accounts. `slug` is its name in rules."""

    id: str
    name: str
    slug: str
    type: FieldType
    options: Sequence[Option] = ()
    is_multi: bool = False
    is_editable: bool = True

    @cached_property
    def by_id(self) -> Mapping[str, Option]:
        return {option.id: option for option in self.options}

    @cached_property
    def by_label(self) -> Mapping[str, Option]:
        """Options by their text in lower case; of two with one text the first."""
        return {option.display.strip().lower(): option for option in reversed(self.options)}


@dataclass(frozen=True, kw_only=True)
class Fields:
    """The fields of a list, or of accounts, in order."""

    of: str
    all: Sequence[Field]

    @cached_property
    def by_id(self) -> Mapping[str, Field]:
        return {one.id: one for one in self.all}

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """By slug; a label or an id is understood where it is no other field's slug."""
        ids = {one.id: one for one in self.all}
        labels = {one.name: one for one in reversed(self.all)}
        return ids | labels | {one.slug: one for one in self.all}


@dataclass(frozen=True, kw_only=True)
class List:
    """A process: its fields are columns, its items rows."""

    id: str
    title: str
    type: ListType
    fields: Fields
    created_ms: int = 0

    @cached_property
    def owner(self) -> Field | None:
        return next((f for f in self.fields.all if f.slug == OWNER), None)

    @cached_property
    def status(self) -> Field | None:
        """The List field that says how far an item is: the one that is called Status."""
        return next(
            (f for f in self.fields.all if f.slug == "status" and f.type is FieldType.LIST), None
        )

    def is_open(self, values: Mapping[str, Stored]) -> bool:
        """Whether the status is none of those that end an item; without a status it is open."""
        status = values.get(self.status.id) if self.status else None
        option = self.status.by_id.get(status) if self.status and isinstance(status, str) else None
        return option is None or not option.is_closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A row of a list. Times are milliseconds since the epoch; values are by field id."""

    id: str
    list_id: str
    name: str
    account_id: str | None
    contact_ids: tuple[str, ...]
    values: Mapping[str, Stored]
    created_ms: int
    modified_ms: int
    linked: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A company or group."""

    id: str
    name: str
    values: Mapping[str, Stored]
    created_ms: int
    modified_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A person. `properties` maps `email`, `name`, `phone` … to entries `{value, metadata}`."""

    id: str
    properties: Mapping[str, Sequence[Mapping[str, object]]]
    created_ms: int
    modified_ms: int
    state: str = "ACTIVE"

    def preferred(self, key: str) -> str | None:
        """The entry marked primary, else the first that is not inactive."""
        entries = self.properties.get(key) or ()
        for entry in entries:
            if _flag(entry, "primary"):
                return str(entry["value"])
        for entry in entries:
            if not _flag(entry, "inactive"):
                return str(entry["value"])
        return None

    @property
    def email(self) -> str | None:
        return self.preferred("email")

    @property
    def name(self) -> str | None:
        return self.preferred("name")

    @property
    def emails(self) -> list[str]:
        """Every address, in lower case."""
        return [str(entry["value"]).lower() for entry in self.properties.get("email") or ()]


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person of the organization who works with its CRM."""

    id: str
    name: str
    email: str


def _flag(entry: Mapping[str, object], name: str) -> bool:
    metadata = entry.get("metadata")
    return isinstance(metadata, Mapping) and metadata.get(name) == "true"


@lru_cache(maxsize=4096)
def slug_of(label: str) -> str:
    """A label's name in rules: snake case, `_` after a keyword of CEL; "" where nothing is left."""
    plain = unicodedata.normalize("NFKD", label.casefold())
    ascii_only = "".join(letter for letter in plain if not unicodedata.combining(letter))
    slug = _OTHERS.sub("_", ascii_only).strip("_")
    if slug[:1].isdigit():
        return f"_{slug}"
    return f"{slug}_" if slug in _KEYWORDS else slug
