"""The registry: one line for each provider."""

from collections.abc import Mapping

from relay.integration import Integration
from relay.integrations import (
    formstack,
    fullcontact,
    gravityforms,
    jotform,
    netlify,
    quickbooks,
    recurly,
    salesforceiq,
    squarespace,
    typeform,
    webflow,
    webform,
    webhook,
    wordpress,
    wufoo,
    zuora,
)

INTEGRATIONS: Mapping[str, Integration] = {
    integration.name: integration
    for integration in (
        webform.INTEGRATION,
        webhook.INTEGRATION,
        typeform.INTEGRATION,
        jotform.INTEGRATION,
        wufoo.INTEGRATION,
        formstack.INTEGRATION,
        gravityforms.INTEGRATION,
        webflow.INTEGRATION,
        squarespace.INTEGRATION,
        netlify.INTEGRATION,
        wordpress.INTEGRATION,
        fullcontact.INTEGRATION,
        quickbooks.INTEGRATION,
        recurly.INTEGRATION,
        zuora.INTEGRATION,
        salesforceiq.INTEGRATION,
    )
}
