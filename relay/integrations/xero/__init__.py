"""Xero: tells which invoices were made, sent and paid."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.xero.connector import CONNECTOR
from relay.integrations.xero.source import SOURCE

INTEGRATION = Integration(
    name="xero",
    title="Xero",
    folder=Path(__file__).parent,
    sample="invoice_update",
    fresh=(
        "2026-11-24T08:58:09.923",
        "2026-11-24T08:58:10.1",
    ),
    source=SOURCE,
    connector=CONNECTOR,
)
