"""The tables, one file per noun. Importing this package fills `metadata`."""

from relay.storage.tables import crm, deliveries, events, runs, setup, work
from relay.storage.tables.base import metadata

__all__ = ["crm", "deliveries", "events", "metadata", "runs", "setup", "work"]
