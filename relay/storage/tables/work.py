"""What waits to be done. A row is claimed, leased and deleted; the table is as small as the
backlog.

`lease_until` stands in no index, so that a claim is a cheap update in place; only a retry moves
`due_at`. Times of `work` are the database's own: leases must not depend on a worker's clock.
"""

from sqlalchemy import Boolean, Column, Index, Integer, SmallInteger, Table, Text, false, text

from relay.storage.tables.base import BigId, Time, metadata

work = Table(
    "work",
    metadata,
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("org_id", BigId, nullable=False),
    Column("okey", BigId),
    Column("target", BigId),  # the connection or hook that is called; skipped while at its cap
    # Deliveries: 0 first tries, 1 later ones, 2 what is sent again in bulk.
    Column("lane", SmallInteger, nullable=False, server_default="0"),
    Column("due_at", Time, nullable=False),
    Column("lease_until", Time),  # NULL: free
    Column("token", BigId),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Of workers that had it in hand, since one last laid it down in order.
    Column("deaths", SmallInteger, nullable=False, server_default="0"),
    Index("ix_work_due", "kind", "due_at"),
    Index(
        "ix_work_okey",
        "kind",
        "okey",
        "id",
        sqlite_where=text("okey IS NOT NULL"),
        postgresql_where=text("okey IS NOT NULL"),
    ),
    # Empty but for what workers died with.
    Index(
        "ix_work_deaths",
        "deaths",
        sqlite_where=text("deaths > 0"),
        postgresql_where=text("deaths > 0"),
    ),
    # Each target's turn: from one to the next without reading what waits for the others.
    Index(
        "ix_work_turn",
        "kind",
        "lane",
        "target",
        "due_at",
        "id",
        sqlite_where=text("target IS NOT NULL"),
        postgresql_where=text("target IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
    postgresql_with={
        "fillfactor": 50,
        "autovacuum_vacuum_scale_factor": 0,
        "autovacuum_vacuum_threshold": 2000,
        "autovacuum_vacuum_cost_delay": 0,
    },
)

dead = Table(
    "dead",
    metadata,
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", BigId, primary_key=True, autoincrement=False),
    Column("org_id", BigId, nullable=False),
    Column("at", Time, nullable=False),
    Column("place", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Index("ix_dead_org", "org_id", "kind", "id"),
)

# The processes that claim: a token tells whose it is.
holders = Table(
    "holders",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("machine", Text, nullable=False),  # where `pid` means something; empty: nowhere
    Column("pid", BigId, nullable=False),
    Column("born", Text, nullable=False),
    Column("parent", BigId, nullable=False),  # the process that made it, and that tells it to end
    # It was told to end: should it be killed on the way, its work is not what it died of.
    Column("leaving", Boolean, nullable=False, server_default=false()),
    Column("at", Time, nullable=False),
    Index("ix_holders_machine", "machine"),
    # A number that came again would be a dead worker's.
    sqlite_autoincrement=True,
)

heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Time, nullable=False),
)
