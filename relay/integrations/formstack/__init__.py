"""Formstack: submissions of its forms."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.formstack.source import SOURCE

INTEGRATION = Integration(
    name="formstack",
    title="Formstack",
    folder=Path(__file__).parent,
    fresh=("998877666",),
    source=SOURCE,
)
