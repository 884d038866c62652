"""The CRM's own API: SalesforceIQ v2 on the wire (https://api.salesforceiq.com/)."""

from relay.web.v2.blueprint import create_blueprint
from relay.web.v2.site import Site

__all__ = ["Site", "create_blueprint"]
