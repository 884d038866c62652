"""Webflow: forms of its sites."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.webflow.source import SOURCE

INTEGRATION = Integration(
    name="webflow",
    title="Webflow",
    folder=Path(__file__).parent,
    fresh=("6321ca84df3949bfc6752327",),
    source=SOURCE,
)
