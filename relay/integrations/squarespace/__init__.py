"""Squarespace: notifications of its sites."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.squarespace.source import SOURCE

INTEGRATION = Integration(
    name="squarespace", title="Squarespace", folder=Path(__file__).parent, source=SOURCE
)
