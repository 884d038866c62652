"""Recurly: subscriptions and invoices booked there, and its notifications of what was paid."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.recurly.connector import CONNECTOR
from relay.integrations.recurly.sandbox import SANDBOX
from relay.integrations.recurly.source import SOURCE

INTEGRATION = Integration(
    name="recurly",
    title="Recurly",
    folder=Path(__file__).parent,
    fresh=("2026-11-24T08:59:30Z",),
    source=SOURCE,
    connector=CONNECTOR,
    sandbox=SANDBOX,
)
