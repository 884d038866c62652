"""Mailchimp: tells who joined an audience, left it or changed."""

from pathlib import Path

from relay.integration import Integration
from relay.integrations.mailchimp.source import SOURCE

INTEGRATION = Integration(
    name="mailchimp",
    title="Mailchimp",
    folder=Path(__file__).parent,
    sample="subscribe",
    fresh=("2009-03-26+21%3A35%3A57",),
    source=SOURCE,
)
