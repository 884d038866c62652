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
    fresh=(
        "2026-11-23T16:05:09.312445100Z",
        "2026-11-23T16:05:09.402001000Z",
        "2026-11-23T16:06:30Z",
    ),
    source=SOURCE,
    connector=CONNECTOR,
    sandbox=SANDBOX,
)
