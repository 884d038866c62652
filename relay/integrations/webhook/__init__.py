"""The generic webhook: anything that can post, checked the way its sender can be checked."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.webhook.source import SOURCE

INTEGRATION = Integration(
    name="webhook", title="Webhook", folder=Path(__file__).parent, sample="standard", source=SOURCE
)
