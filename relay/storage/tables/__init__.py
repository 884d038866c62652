"""The tables, one file per noun. Importing this package fills `metadata`."""

from relay.storage.tables import deliveries, events, runs, setup, work
from relay.storage.tables.base import metadata

__all__ = ["deliveries", "events", "metadata", "runs", "setup", "work"]
