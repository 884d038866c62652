"""QuickBooks Online: books sales, and tells what was paid."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.quickbooks.connector import CONNECTOR
from relay.integrations.quickbooks.sandbox import SANDBOX
from relay.integrations.quickbooks.source import SOURCE

INTEGRATION = Integration(
    name="quickbooks",
    title="QuickBooks Online",
    folder=Path(__file__).parent,
    sample="paid",
    source=SOURCE,
    connector=CONNECTOR,
    sandbox=SANDBOX,
)
