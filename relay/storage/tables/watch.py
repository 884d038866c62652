"""What is known of a CRM elsewhere: its definitions, how far each list was read, and every item as
it was last seen. Times in `…_ms` are milliseconds since the epoch, as that CRM writes them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
)

from relay.storage.tables.base import BigId, Json, Time, metadata

remote_crms = Table(
    "remote_crms",
    metadata,
    Column("connection_id", BigId, primary_key=True, autoincrement=False),
    Column("org_id", BigId, nullable=False),
    Column("lists", Json),  # NULL: not read yet; else as the CRM wrote them
    Column("account_fields", Json),
    Column("defined_at", Time),
    Column("looked_at", Time),  # the end of the last look that went well
    Column("failures", Integer, nullable=False, server_default="0"),  # looks since then
    Column("problem", Text),
    Column("day", Date),  # the UTC day that the two counts are of
    Column("requests", Integer, nullable=False, server_default="0"),
    Column("watch_requests", Integer, nullable=False, server_default="0"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("connection_id", BigId, nullable=False),
    Column("list_id", Text, nullable=False),
    Column("org_id", BigId, nullable=False),
    Column("cursor_ms", BigInteger, nullable=False),  # changes before it have been seen
    Column("newest_ms", BigInteger, nullable=False, server_default="0"),  # created, of all met
    Column("since_ms", BigInteger),  # items created from here on are new; NULL: still the baseline
    Column("passed_at", Time),  # the end of the last pass over every item
    Column("pass_no", Integer, nullable=False, server_default="1"),
    Column("pass_start", Integer),  # where the pass goes on; NULL: none is under way
    Column("tail", Json),  # the last ids of its page before: the next one begins among them
    PrimaryKeyConstraint("connection_id", "list_id"),
)

item_shadows = Table(
    "item_shadows",
    metadata,
    Column("connection_id", BigId, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("org_id", BigId, nullable=False),
    Column("list_id", Text, nullable=False),
    Column("item", Json, nullable=False),  # as the CRM wrote it
    Column("modified_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),  # by our clock: when this was told
    Column("pass_no", Integer, nullable=False),  # the last pass that met it
    Column("gone", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("connection_id", "item_id"),
    Index("ix_item_shadows_pass", "connection_id", "list_id", "pass_no"),
)
