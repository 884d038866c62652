"""WordPress forms: Elementor, Contact Form 7, WPForms and others."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.wordpress.source import SOURCE

INTEGRATION = Integration(
    name="wordpress", title="WordPress forms", folder=Path(__file__).parent, source=SOURCE
)
