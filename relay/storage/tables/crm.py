"""The embedded CRM: people, companies, lists with typed fields, their items, and the stream.

Times are milliseconds since the epoch, because they are the wire's own and pollers compare them
for equality (https://api.salesforceiq.com/, "Conventions"). `field_values` maps a field's id to its
text in wire form (a list of texts where the field takes several), so that reading and comparing
need no conversion; the field's definition gives the type.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from relay.storage.tables.base import BigId, Json, metadata

# Compared byte by byte on both databases, so that an index finds what a text begins with.
_Key = Text().with_variant(Text(collation="C"), "postgresql")

# Another random number after every change of a definition: processes keep what they have read.
crm_schemas = Table(
    "crm_schemas",
    metadata,
    Column("org_id", BigId, primary_key=True, autoincrement=False),
    Column("stamp", BigInteger, nullable=False),
)

lists = Table(
    "lists",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org_id", BigId, nullable=False),
    Column("title", Text, nullable=False),
    Column("type", Text, nullable=False),  # account | contact
    Column("created_ms", BigInteger, nullable=False),
    UniqueConstraint("org_id", "title"),
)

fields = Table(
    "fields",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("list_id", Text, nullable=False),  # "" for the fields of accounts
    Column("id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("is_multi", Boolean, nullable=False),
    Column("is_editable", Boolean, nullable=False),
    # Ids are never used again: values of a deleted field must not come back in a new one.
    Column("deleted", Boolean, nullable=False),
    PrimaryKeyConstraint("org_id", "list_id", "id"),
)

options = Table(
    "options",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("list_id", Text, nullable=False),
    Column("field_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("display", Text, nullable=False),
    Column("is_closed", Boolean, nullable=False),  # an item with this status is no longer open
    Column("deleted", Boolean, nullable=False),
    PrimaryKeyConstraint("org_id", "list_id", "field_id", "id"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org_id", BigId, nullable=False),
    Column("properties", Json, nullable=False),
    Column("state", Text, nullable=False),  # ACTIVE | ARCHIVED
    Column("merged_into", Text),  # the survivor, where this one was absorbed
    Column("created_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
    Index("ix_contacts_modified", "org_id", "state", "modified_ms", "id"),
    Index("ix_contacts_merged", "merged_into"),
)

contact_emails = Table(
    "contact_emails",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("email_lower", _Key, nullable=False),
    Column("contact_id", Text, nullable=False),
    PrimaryKeyConstraint("org_id", "email_lower", "contact_id"),
    Index("ix_contact_emails_contact", "contact_id"),
    sqlite_with_rowid=False,
)

contact_phones = Table(
    "contact_phones",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("digits", Text, nullable=False),
    Column("contact_id", Text, nullable=False),
    PrimaryKeyConstraint("org_id", "digits", "contact_id"),
    Index("ix_contact_phones_contact", "contact_id"),
    sqlite_with_rowid=False,
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org_id", BigId, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", _Key, nullable=False),  # trimmed, in lower case
    Column("field_values", Json, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
    UniqueConstraint("org_id", "name_key"),
    Index("ix_accounts_modified", "org_id", "modified_ms", "id"),
)

items = Table(
    "items",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org_id", BigId, nullable=False),
    Column("list_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("account_id", Text),
    Column("contact_ids", Json, nullable=False),  # in order; `item_contacts` is its index
    Column("field_values", Json, nullable=False),
    Column("linked", Json, nullable=False),
    Column("made_by", Text),  # the key of the step that made it: done again, it is found
    Column("created_ms", BigInteger, nullable=False),
    Column("modified_ms", BigInteger, nullable=False),
    # Every update writes the row's index entries anew, so there are few, and this one is partial.
    Index(
        "ix_items_made_by",
        "org_id",
        "made_by",
        unique=True,
        sqlite_where=text("made_by IS NOT NULL"),
        postgresql_where=text("made_by IS NOT NULL"),
    ),
    Index("ix_items_created", "org_id", "list_id", "created_ms", "id"),
    Index("ix_items_modified", "org_id", "list_id", "modified_ms", "id"),
    Index("ix_items_account", "org_id", "account_id", "list_id"),
)

item_contacts = Table(
    "item_contacts",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("list_id", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    PrimaryKeyConstraint("org_id", "contact_id", "list_id", "item_id"),
    Index("ix_item_contacts_item", "item_id"),
    sqlite_with_rowid=False,
)

stream_entries = Table(
    "stream_entries",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("key", Text),  # of the step that posted it: posted again, it is one entry
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("item_id", Text),
    Column("account_id", Text),
    Column("contact_id", Text),
    Column("author_kind", Text, nullable=False),
    Column("author_ref", Text, nullable=False),
    Column("run_id", BigId),
    Column("event_id", BigId),
    Column("at_ms", BigInteger, nullable=False),
    UniqueConstraint("org_id", "key"),
    Index("ix_stream_entries_item", "item_id", "id"),
    Index("ix_stream_entries_account", "account_id", "id"),
    Index("ix_stream_entries_contact", "contact_id", "id"),
    sqlite_autoincrement=True,
)

# People named by address: they need not be contacts, and become visible when they are.
stream_participants = Table(
    "stream_participants",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("kind", Text, nullable=False),  # email | phone
    Column("value", Text, nullable=False),  # lower case · digits
    Column("entry_id", BigId, nullable=False),
    PrimaryKeyConstraint("org_id", "kind", "value", "entry_id"),
    Index("ix_stream_participants_entry", "entry_id"),
    sqlite_with_rowid=False,
)
