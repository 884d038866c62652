"""Whose everything is: organizations, their people, keys and sessions; and who did what."""

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    Table,
    Text,
    false,
)

from relay.storage.tables.base import BigId, Json, Time, metadata

organizations = Table(
    "organizations",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("name", Text, nullable=False, unique=True),
    Column("is_test", Boolean, nullable=False),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("settings", Json, nullable=False),  # what `setting(name)` reads in rules
    # Rises with every change of sources, connections, targets, rules or lists: workers keep what
    # they read until it has risen.
    Column("config_version", Integer, nullable=False, server_default="1"),
    Column("rule_set_hash", Text),
    Column("bookings_held", Boolean, nullable=False, server_default=false()),
    Column("key_limit", Integer, nullable=False, server_default="5"),
    Column("quiet_hours", Text, nullable=False, server_default=""),  # 22:00-07:00
    Column("created_at", Time, nullable=False),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("org_id", BigId, nullable=False),
    Column("email", Text, nullable=False, unique=True),  # lower case
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),  # viewer | operator | admin | owner
    Column("password_hash", Text),  # NULL: cannot sign in
    Column("created_at", Time, nullable=False),
    Index("ix_users_org", "org_id", "id"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("created_at", Time, nullable=False),
    Column("expires_at", Time, nullable=False),
    Index("ix_sessions_user", "user_id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),  # the public part, 24 hex
    Column("org_id", BigId, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_hash", Text, nullable=False),
    Column("earlier_hashes", Json, nullable=False),  # so that the audit can say "outdated secret"
    Column("scopes", Json, nullable=False),
    Column("lists", Json),  # NULL: every list
    Column("created_at", Time, nullable=False),
    Column("used_at", Time),
    Column("revoked_at", Time),
    Index("ix_api_keys_org", "org_id", "id"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("at", Time, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Json),
    Column("after", Json),
    Index("ix_audit_log_org", "org_id", "id"),
    sqlite_autoincrement=True,
)
