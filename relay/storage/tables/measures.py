"""What all processes have counted and timed, together: so any web process can tell of all."""

from sqlalchemy import Column, Float, PrimaryKeyConstraint, Table, Text

from relay.storage.tables.base import metadata

measures = Table(
    "measures",
    metadata,
    Column("name", Text, nullable=False),
    Column("labels", Text, nullable=False),  # [["source", "webform"], …] as JSON
    Column("value", Float, nullable=False),
    PrimaryKeyConstraint("name", "labels"),
    sqlite_with_rowid=False,
)
