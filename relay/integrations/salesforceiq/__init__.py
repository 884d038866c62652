"""SalesforceIQ: a CRM elsewhere that speaks its v2 API, in place of Relay's own."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.salesforceiq.connector import CONNECTOR

INTEGRATION = Integration(
    name="salesforceiq",
    title="SalesforceIQ",
    folder=Path(__file__).parent,
    connector=CONNECTOR,
)
