"""HubSpot: tells what changed in its CRM, and what its workflows send."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.hubspot.connector import CONNECTOR
from relay.integrations.hubspot.source import SOURCE

INTEGRATION = Integration(
    name="hubspot",
    title="HubSpot",
    folder=Path(__file__).parent,
    sample="workflow_contact",
    fresh=("4201",),
    source=SOURCE,
    connector=CONNECTOR,
)
