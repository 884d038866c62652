"""The registry: one line for each provider."""

from collections.abc import Mapping

from relay.integration import Integration
from relay.integrations import (
    fullcontact,
    quickbooks,
    recurly,
    salesforceiq,
    typeform,
    webform,
    webhook,
    zuora,
)

INTEGRATIONS: Mapping[str, Integration] = {
    integration.name: integration
    for integration in (
        webform.INTEGRATION,
        webhook.INTEGRATION,
        typeform.INTEGRATION,
        fullcontact.INTEGRATION,
        quickbooks.INTEGRATION,
        recurly.INTEGRATION,
        zuora.INTEGRATION,
        salesforceiq.INTEGRATION,
    )
}
