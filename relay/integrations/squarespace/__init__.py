"""Squarespace: notifications of its sites."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.squarespace.source import SOURCE

INTEGRATION = Integration(
    name="squarespace",
    title="Squarespace",
    folder=Path(__file__).parent,
    fresh=("0c09c8ba-0a55-4b7f-9d8a-5b0a2a3b1c11",),
    source=SOURCE,
)
