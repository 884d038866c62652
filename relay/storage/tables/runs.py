"""One rule (or mapping) for one event: the run, its steps, their attempts; firings and bookings."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

from relay.storage.tables.base import BigId, Json, Time, metadata

runs = Table(
    "runs",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("event_id", BigId, nullable=False),
    Column("rule_id", Text, nullable=False),  # `mapping:<source>` for a source's field mapping
    Column("rule_hash", Text, nullable=False),
    Column("set_hash", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("about", Text),
    Column("item_id", Text),
    Column("trigger", SmallInteger, nullable=False, server_default="0"),
    Column("depth", SmallInteger, nullable=False, server_default="0"),
    Column("clauses", Json),  # the condition's, with the values read
    Column("held_by", BigId),  # the connection a held run waits for
    Column("replay_of", BigId),
    Column("settled", Text),  # a failure that needs nobody any more: done again, or dismissed
    Column("created_at", Time, nullable=False),
    Column("ended_at", Time),
    Column("next_at", Time),  # when a waiting run is tried again
    Index("ix_runs_org", "org_id", "id"),
    Index("ix_runs_event", "event_id"),
    Index("ix_runs_state", "org_id", "state", "id"),
    Index("ix_runs_item", "org_id", "item_id", "id"),
    Index("ix_runs_rule", "org_id", "rule_id", "id"),
    Index(
        "ix_runs_failed",
        "org_id",
        "state",
        "settled",
        "id",
        sqlite_where=text("state = 'failed' AND settled IS NULL"),
        postgresql_where=text("state = 'failed' AND settled IS NULL"),
    ),
    sqlite_autoincrement=True,
)

steps = Table(
    "steps",
    metadata,
    Column("run_id", BigId, nullable=False),
    Column("n", SmallInteger, nullable=False),  # from 0; on_failure steps from 1000
    Column("step_id", Text, nullable=False),
    Column("use", Text, nullable=False),
    Column("state", Text, nullable=False),  # succeeded | failed | not_run | waiting
    Column("input", Json),
    Column("output", Json),
    Column("changes", Json),
    Column("error", Text),
    Column("key", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Something was sent to a CRM elsewhere, and what became of it is not known.
    Column("sent", Boolean, nullable=False, server_default=false()),
    Column("started_at", Time),
    Column("ended_at", Time),
    PrimaryKeyConstraint("run_id", "n"),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("run_id", BigId, nullable=False),
    Column("n", SmallInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Time, nullable=False),
    Column("took_ms", Float, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("message", Text),
    Column("exchanges", Json, nullable=False),
    Index("ix_attempts_run", "run_id", "n", "id"),
)

firings = Table(
    "firings",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("rule_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("run_id", BigId, nullable=False),
    Column("item_id", Text),
    Column("at", Time, nullable=False),
    PrimaryKeyConstraint("org_id", "rule_id", "key"),
    Index("ix_firings_item", "org_id", "rule_id", "item_id", "at"),
)

bookings = Table(
    "bookings",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("connection_id", BigId, nullable=False),
    Column("verb", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("number", Text, nullable=False),  # ours, made from the five columns before it
    Column("generation", Integer, nullable=False, server_default="0"),
    # open: never sent, or definitely refused · sent: its outcome is not known · booked
    Column("state", Text, nullable=False),
    Column("run_id", BigId, nullable=False),
    Column("output", Json),
    Column("external_id", Text),
    Column("external_number", Text),
    Column("url", Text),
    Column("amount", Text),
    Column("currency", Text),
    Column("created_at", Time, nullable=False),
    Column("booked_at", Time),
    UniqueConstraint("org_id", "connection_id", "verb", "item_id", "label"),
    Index("ix_bookings_number", "org_id", "number"),
    Index("ix_bookings_external", "org_id", "external_number"),
    Index("ix_bookings_item", "org_id", "item_id"),
    sqlite_autoincrement=True,
)
