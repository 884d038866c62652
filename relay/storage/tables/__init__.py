"""The tables, one file per noun. Importing this package fills `metadata`."""

from relay.storage.tables import (
    crm,
    deadlines,
    deliveries,
    events,
    hooks,
    idempotency,
    identity,
    measures,
    notices,
    runs,
    setup,
    watch,
    work,
)
from relay.storage.tables.base import metadata

__all__ = [
    "crm",
    "deadlines",
    "deliveries",
    "events",
    "hooks",
    "idempotency",
    "identity",
    "measures",
    "metadata",
    "notices",
    "runs",
    "setup",
    "watch",
    "work",
]
