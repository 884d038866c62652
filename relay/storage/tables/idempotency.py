"""What requests with an Idempotency-Key were answered, for a day."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from relay.storage.tables.base import BigId, Time, metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("api_key", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("body_hash", Text, nullable=False),
    Column("at", Time, nullable=False),
    Column("status", Integer),  # NULL while the first request is at work
    Column("sealed", Text),  # the answer's body, encrypted: it may hold a secret that is shown once
    PrimaryKeyConstraint("org_id", "api_key", "route", "key"),
    Index("ix_idempotency_keys_at", "at"),
)
