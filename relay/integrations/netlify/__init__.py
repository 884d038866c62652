"""Netlify Forms: submissions to forms of its sites."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.netlify.source import SOURCE

INTEGRATION = Integration(
    name="netlify",
    title="Netlify Forms",
    folder=Path(__file__).parent,
    fresh=("5231110b5803540aeb000019",),
    source=SOURCE,
)
