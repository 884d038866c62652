"""The registry: one line for each provider."""

from collections.abc import Mapping

from relay.integration import Integration
from relay.integrations import (
    chargebee,
    formstack,
    freshbooks,
    fullcontact,
    gravityforms,
    hubspot,
    jotform,
    mailchimp,
    netlify,
    quickbooks,
    recurly,
    salesforceiq,
    squarespace,
    stripe,
    typeform,
    webflow,
    webform,
    webhook,
    wordpress,
    wufoo,
    xero,
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
        xero.INTEGRATION,
        stripe.INTEGRATION,
        freshbooks.INTEGRATION,
        chargebee.INTEGRATION,
        hubspot.INTEGRATION,
        mailchimp.INTEGRATION,
        salesforceiq.INTEGRATION,
    )
}
