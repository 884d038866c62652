"""The duty to bring one message to one address, and the tries made at it."""

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from relay.storage.tables.base import BigId, Json, Time, metadata

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("dkey", Text, nullable=False),  # made from durable facts: written twice, it is one
    Column("target_kind", Text, nullable=False),  # target | sandbox | hook
    Column("target_id", BigId, nullable=False),
    Column("okey", BigId),  # what it is ordered after, where its hook asks for order
    Column("item_id", Text),
    Column("event_id", BigId),
    Column("run_id", BigId),
    Column("message_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("headers", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("last_status", Integer),
    Column("created_at", Time, nullable=False),
    Column("ended_at", Time),
    Column("next_at", Time),
    Column("redelivery_id", BigId),  # the job that sends it again
    UniqueConstraint("org_id", "dkey"),
    Index("ix_deliveries_org", "org_id", "id"),
    Index("ix_deliveries_state", "org_id", "state", "id"),
    Index(
        "ix_deliveries_run",
        "run_id",
        sqlite_where=text("run_id IS NOT NULL"),
        postgresql_where=text("run_id IS NOT NULL"),
    ),
    Index("ix_deliveries_target", "target_kind", "target_id", "id"),
    sqlite_autoincrement=True,
)

delivery_attempts = Table(
    "delivery_attempts",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("delivery_id", BigId, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at", Time, nullable=False),
    Column("took_ms", Float, nullable=False),
    Column("trigger", Text, nullable=False, server_default="schedule"),  # schedule | manual
    Column("status", Integer),
    Column("response_headers", Json),
    Column("response_body", Text),
    Column("error", Text),
    Index("ix_delivery_attempts_delivery", "delivery_id", "id"),
)
