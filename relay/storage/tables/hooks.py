"""Who wants to be told of what, how they fare, and what they were told in which order.

`hooks` changes when people change it; `hook_health` with every batch of answers, which is why it
is a table of its own.
"""

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
)

from relay.storage.tables.base import BigId, Json, Time, metadata

hooks = Table(
    "hooks",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("ukey", Text, nullable=False),  # address, event and filter: asked for twice, it is one
    Column("url", Text, nullable=False),
    Column("event", Text, nullable=False),  # a type, `noun.*` or `*`
    Column("list_id", Text),
    Column("account_id", Text),
    Column("condition", Text),
    Column("format", Text, nullable=False),  # flat | envelope
    Column("ordering", Text, nullable=False),  # none | key
    Column("on_exhausted", Text, nullable=False),  # skip | block
    Column("schedule", Json),  # seconds after each failure; NULL: the usual ones
    Column("max_per_second", Float),
    # Over all workers; NULL: a few in each of their processes.
    Column("max_in_flight", Integer),
    Column("timeout", Float, nullable=False),
    Column("handshake", Text, nullable=False),  # none | cloudevents
    Column("sealed", Text, nullable=False),  # {"secrets": [{"value", "until"?}], "headers": {…}}
    Column("is_rest", Boolean, nullable=False),  # a program's: 410 ends it
    Column("made_by", Text, nullable=False),
    Column("state", Text, nullable=False),  # active | paused | disabled
    Column("reason", Text),
    Column("created_at", Time, nullable=False),
    UniqueConstraint("org_id", "ukey"),
    Index("ix_hooks_org", "org_id", "id"),
    sqlite_autoincrement=True,
)

hook_health = Table(
    "hook_health",
    metadata,
    Column("hook_id", BigId, primary_key=True, autoincrement=False),
    Column("org_id", BigId, nullable=False),
    Column("last_success_at", Time),
    # The run of failures since the last success.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("first_failure_at", Time),
    Column("last_failure_at", Time),
    Column("warned", SmallInteger, nullable=False, server_default="0"),
    # The breaker: the present window of five minutes, and until when nothing is sent.
    Column("window_at", Time),
    Column("window_tries", Integer, nullable=False, server_default="0"),
    Column("window_failures", Integer, nullable=False, server_default="0"),
    Column("open_until", Time),
    Column("probe_until", Time),  # one try is out, to see
    Column("open_seconds", Float, nullable=False, server_default="0"),
    Column("spent_until", Time),  # the rate limit: the time that is used up
    Column("exhausted_told_at", Time),
    Column("exhausted_count", Integer, nullable=False, server_default="0"),
)

# Messages on their way to hooks that take only so many at once, over all workers.
hook_places = Table(
    "hook_places",
    metadata,
    Column("hook_id", BigId, nullable=False),
    Column("delivery_id", BigId, nullable=False),
    Column("token", BigId, nullable=False),  # of the lease under which it left
    PrimaryKeyConstraint("hook_id", "delivery_id"),
    sqlite_with_rowid=False,
    postgresql_with={"autovacuum_vacuum_scale_factor": 0, "autovacuum_vacuum_threshold": 2000},
)

hook_sequences = Table(
    "hook_sequences",
    metadata,
    Column("hook_id", BigId, nullable=False),
    Column("okey", BigId, nullable=False),
    Column("last", BigId, nullable=False),
    PrimaryKeyConstraint("hook_id", "okey"),
    sqlite_with_rowid=False,
)

# Sending again in bulk: what is chosen, and how far it has come.
redeliveries = Table(
    "redeliveries",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("kind", Text, nullable=False),  # recover | missing | filter
    Column("hook_id", BigId),
    Column("wanted", Json, nullable=False),
    Column("by", Text, nullable=False),
    Column("state", Text, nullable=False),  # running | done | cancelled
    Column("queued", Integer, nullable=False, server_default="0"),
    Column("created_at", Time, nullable=False),
    Column("ended_at", Time),
    Index("ix_redeliveries_org", "org_id", "id"),
    sqlite_autoincrement=True,
)
