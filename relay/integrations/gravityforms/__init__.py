"""Gravity Forms: entries, by its Webhooks Add-On."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.gravityforms.source import SOURCE

INTEGRATION = Integration(
    name="gravityforms",
    title="Gravity Forms",
    folder=Path(__file__).parent,
    fresh=("318",),
    source=SOURCE,
)
