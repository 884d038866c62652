"""Chargebee: tells what was invoiced, paid, subscribed and cancelled."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.chargebee.connector import CONNECTOR
from relay.integrations.chargebee.source import SOURCE

INTEGRATION = Integration(
    name="chargebee",
    title="Chargebee",
    folder=Path(__file__).parent,
    sample="payment",
    fresh=("ev_RelaySample1",),
    source=SOURCE,
    connector=CONNECTOR,
)
