"""Zuora: orders placed there, and its callouts of what was paid."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.zuora.connector import CONNECTOR
from relay.integrations.zuora.sandbox import SANDBOX
from relay.integrations.zuora.source import SOURCE

INTEGRATION = Integration(
    name="zuora",
    title="Zuora",
    folder=Path(__file__).parent,
    sample="payment",
    fresh=("8ad0815f7b1d0001018b1e00000000c3",),
    source=SOURCE,
    connector=CONNECTOR,
    sandbox=SANDBOX,
)
