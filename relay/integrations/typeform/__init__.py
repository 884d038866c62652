"""Typeform: answers to its forms."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.typeform.source import SOURCE

INTEGRATION = Integration(
    name="typeform",
    title="Typeform",
    folder=Path(__file__).parent,
    sample="demo",
    fresh=("01HZYA8V7N",),
    source=SOURCE,
)
