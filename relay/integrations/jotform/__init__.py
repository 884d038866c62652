"""Jotform: answers to its forms."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.jotform.source import SOURCE

INTEGRATION = Integration(
    name="jotform",
    title="Jotform",
    folder=Path(__file__).parent,
    fresh=("6084250982513018473",),
    source=SOURCE,
)
