"""Stripe: tells what was invoiced, paid, subscribed and cancelled."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.stripe.connector import CONNECTOR
from relay.integrations.stripe.source import SOURCE

INTEGRATION = Integration(
    name="stripe",
    title="Stripe",
    folder=Path(__file__).parent,
    sample="paid",
    fresh=("evt_1RelaySample",),
    source=SOURCE,
    connector=CONNECTOR,
)
