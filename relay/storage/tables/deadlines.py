"""What the clock fires: stays that a `for` waits on, and schedules. Rows, so that restarts, deploys
and edits of other rules reset none of them."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, Text

from relay.storage.tables.base import BigId, Json, Time, metadata

stays = Table(
    "stays",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("rule_id", Text, nullable=False),
    Column("item_id", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("list", Text, nullable=False),
    Column("value", Json),
    Column("event_id", BigId, nullable=False),  # the transition that began the stay
    Column("since", Time, nullable=False),
    Column("due_at", Time),  # NULL: its one tick was made; the row goes when the item leaves
    PrimaryKeyConstraint("org_id", "rule_id", "item_id", "field"),
    Index("ix_stays_due", "due_at"),
    Index("ix_stays_item", "org_id", "item_id"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("org_id", BigId, nullable=False),
    Column("rule_id", Text, nullable=False),
    Column("spec", Text, nullable=False),  # the trigger's own words: cron or duration, zone, list
    Column("next_at", Time),  # NULL: none will come
    # While a list is gone through: {"event", "planned", "after", "seen", "made"}, and of a CRM
    # elsewhere its connection: {"crm"}
    Column("progress", Json),
    PrimaryKeyConstraint("org_id", "rule_id", "spec"),
    Index("ix_schedules_next", "next_at"),
)
