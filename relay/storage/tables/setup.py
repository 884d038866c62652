"""What an organization sets up: sources, connections, targets, rule sets; and sandboxes' books."""

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from relay.storage.tables.base import BigId, Json, Time, metadata

sources = Table(
    "sources",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("type", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("token_hash", Text, nullable=False, unique=True),
    Column(
        "sealed", Text, nullable=False
    ),  # {"token", "secrets": [{"value", "until"?, "brought"?}]}
    Column("options", Json, nullable=False),
    Column("mapping", Json),
    Column("connection_id", BigId),  # completes thin events
    Column("state", Text, nullable=False),  # active | paused | disabled
    Column("reason", Text),
    Column("created_at", Time, nullable=False),
    UniqueConstraint("org_id", "name"),
    sqlite_autoincrement=True,
)

connections = Table(
    "connections",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("provider", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("base_url", Text, nullable=False),  # "" for a sandbox: made from its path when used
    Column("sandbox_path", Text, unique=True),  # random; NULL for a real provider
    Column("sealed", Text, nullable=False),
    # How often a person has given secrets: who used older ones stops nothing.
    Column("given", Integer, nullable=False, server_default="0"),
    Column("settings", Json, nullable=False),
    Column("state", Text, nullable=False),  # active | paused | needs_reconnect
    Column("reason", Text),
    Column("created_at", Time, nullable=False),
    Column("used_at", Time),
    Column("removed_at", Time),  # kept then for its bookings, without its secrets
    UniqueConstraint("org_id", "name"),
    sqlite_autoincrement=True,
)

# Who an account of ours is at the provider: names change there, ids do not.
known_customers = Table(
    "known_customers",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("connection_id", BigId, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("currency", Text, nullable=False),  # "": the customer's own
    Column("customer_id", Text, nullable=False),
    PrimaryKeyConstraint("org_id", "connection_id", "account_id", "currency"),
)

targets = Table(
    "targets",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("sealed", Text, nullable=False),  # {"secret": "whsec_…"}
    Column("created_at", Time, nullable=False),
    UniqueConstraint("org_id", "name"),
    sqlite_autoincrement=True,
)

# Texts are kept by hash for ever, so that a run can be explained by the version that ran.
rule_sets = Table(
    "rule_sets",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("hash", Text, nullable=False),
    Column("texts", Json, nullable=False),
    Column("packed", Text, nullable=False),  # the same, read and checked
    Column("rule_hashes", Json, nullable=False),  # by rule id
    Column("applied_at", Time, nullable=False),
    Column("applied_by", Text, nullable=False),
    PrimaryKeyConstraint("org_id", "hash"),
)

# Each time a set went live: a set can do so more than once.
rule_applies = Table(
    "rule_applies",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("hash", Text, nullable=False),
    Column("at", Time, nullable=False),
    Column("by", Text, nullable=False),
    Index("ix_rule_applies_org", "org_id", "id"),
    sqlite_autoincrement=True,
)

# Why the last apply was refused, and what of the live set no longer fits: one row each,
# gone when it is mended.
rule_findings = Table(
    "rule_findings",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("about", Text, nullable=False),  # refused | live
    Column("findings", Json, nullable=False),
    Column("at", Time, nullable=False),
    PrimaryKeyConstraint("org_id", "about"),
)

rule_states = Table(
    "rule_states",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("rule_id", Text, nullable=False),
    Column("paused", Boolean, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Time, nullable=False),
    PrimaryKeyConstraint("org_id", "rule_id"),
)

# The rules that sources' mappings have been, so that a run ends with the version it began with.
mappings = Table(
    "mappings",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("hash", Text, nullable=False),
    Column("source_id", BigId, nullable=False),
    Column("rule", Json, nullable=False),  # as plain values
    PrimaryKeyConstraint("org_id", "hash"),
)

sandbox_documents = Table(
    "sandbox_documents",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("provider", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("document", Json, nullable=False),
    PrimaryKeyConstraint("org_id", "provider", "kind", "id"),
    Index("ix_sandbox_documents_order", "org_id", "provider", "kind", "seq"),
)
