"""Web forms: posts from a page, a script or a form builder."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.webform.source import SOURCE

INTEGRATION = Integration(
    name="webform", title="Web form", folder=Path(__file__).parent, sample="contact", source=SOURCE
)
