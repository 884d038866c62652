"""FullContact: scanned business cards and enriched people."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.fullcontact.source import SOURCE

INTEGRATION = Integration(
    name="fullcontact",
    title="FullContact",
    folder=Path(__file__).parent,
    sample="card",
    fresh=("b23bb2dd-fe7c-4d83-ab8d-f23792b8e4cf",),
    source=SOURCE,
)
