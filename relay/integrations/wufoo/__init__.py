"""Wufoo: entries of its forms."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.wufoo.source import SOURCE

INTEGRATION = Integration(
    name="wufoo",
    title="Wufoo",
    folder=Path(__file__).parent,
    fresh=("EntryId=42",),
    source=SOURCE,
)
