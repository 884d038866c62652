"""What arrived and what became of it. `events` is narrow, insert-only and keeps the dedupe keys;
`payloads` go by retention; `event_outcomes` and `facts` are written once, by the worker."""

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from relay.storage.tables.base import BigId, Json, Time, metadata

events = Table(
    "events",
    metadata,
    # Ids decide the order of work, so they must rise in order of commit: CACHE 1 on PostgreSQL
    # (the default of an identity), AUTOINCREMENT on SQLite so that none is ever used again.
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("kind", Text, nullable=False),  # delivery | transition | tick | completion
    Column("source_id", BigId, nullable=False),  # 0: the CRM
    Column("dkey", Text),  # NULL never collides: duplicates and refusals have none
    Column("okey", BigId),
    Column("state", Text, nullable=False),  # accepted | duplicate | rejected
    Column("reason", Text),
    Column("parent_id", BigId),  # the delivery a completion came with; the first of a duplicate
    Column("depth", SmallInteger, nullable=False, server_default="0"),
    Column("received_at", Time, nullable=False),
    UniqueConstraint("source_id", "dkey"),
    Index("ix_events_org", "org_id", "id"),
    Index("ix_events_source", "source_id", "id"),
    sqlite_autoincrement=True,
)

payloads = Table(
    "payloads",
    metadata,
    Column("event_id", BigId, primary_key=True, autoincrement=False),
    Column("headers", Text),
    Column("body", LargeBinary, nullable=False),
)

# One row a source: what it refused in the newest hour. Beyond a limit refusals are only counted.
refusals = Table(
    "refusals",
    metadata,
    Column("source_id", BigId, primary_key=True, autoincrement=False),
    Column("org_id", BigId, nullable=False),
    Column("hour", Time, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("kept", Integer, nullable=False),
)

# What was told of a source that refuses, or that has fallen silent.
source_watch = Table(
    "source_watch",
    metadata,
    Column("source_id", BigId, primary_key=True, autoincrement=False),
    Column("looked_at", Time, nullable=False),
    Column("refusals_told_at", Time),
    Column("silent_after", BigId),  # the event after which it was told that nothing came
    Column("longest", Float, nullable=False),  # seconds of the longest silence that ended
)

# What tells that somebody has paid; few events of a house that sells nothing.
PAID = "type IN ('invoice.paid', 'payment.received')"

event_outcomes = Table(
    "event_outcomes",
    metadata,
    Column("event_id", BigId, primary_key=True, autoincrement=False),
    Column("org_id", BigId, nullable=False),
    Column("state", Text, nullable=False),  # routed | no_rule | unreadable
    Column("type", Text),
    Column("about", Text),  # an email, or the item's name
    Column("item_id", Text),
    Column("reason", Text),
    Column("at", Time, nullable=False),
    Index("ix_event_outcomes_state", "org_id", "state", "event_id"),
    Index(
        "ix_event_outcomes_paid",
        "org_id",
        "state",
        sqlite_where=text(PAID),
        postgresql_where=text(PAID),
    ),
)

facts = Table(
    "facts",
    metadata,
    Column("event_id", BigId, primary_key=True, autoincrement=False),
    Column("type", Text, nullable=False),
    Column("data", Json, nullable=False),
    Column("body", Json),
    Column("occurred_at", Time),
)
