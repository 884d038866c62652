"""What people are told of: troubles that have not passed yet, and the mails about them."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from relay.storage.tables.base import BigId, Json, Time, metadata

troubles = Table(
    "troubles",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("kind", Text, nullable=False),  # rule | connection | rules | hook
    Column("ref", Text, nullable=False),  # the rule's id, the connection's name
    Column("cause", Text, nullable=False),  # a digest: what differs from time to time is left out
    Column("message", Text, nullable=False),  # the first one
    Column("recipients", Json, nullable=False),
    Column("run_id", BigId),  # the newest run it stopped
    Column("untold", Integer, nullable=False),  # how often since the last notice
    Column("since", Time, nullable=False),
    Column("told_at", Time, nullable=False),
    PrimaryKeyConstraint("org_id", "kind", "ref", "cause"),
)

mails = Table(
    "mails",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("org_id", BigId, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),  # pending | delivered | failed | captured
    Column("reason", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", Time, nullable=False),
    Column("ended_at", Time),
    Index("ix_mails_org", "org_id", "id"),
    sqlite_autoincrement=True,
)
