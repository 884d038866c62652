"""FreshBooks: tells which invoices were made and sent, and what was paid."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.freshbooks.connector import CONNECTOR
from relay.integrations.freshbooks.source import SOURCE

INTEGRATION = Integration(
    name="freshbooks",
    title="FreshBooks",
    folder=Path(__file__).parent,
    sample="payment_create",
    fresh=("object_id=1234567",),
    source=SOURCE,
    connector=CONNECTOR,
)
