"""A CRM that speaks SalesforceIQ v2 over HTTP."""

from relay.crm.remote.client import Client
from relay.crm.remote.crm import RemoteCRM
from relay.crm.remote.definitions import Definitions
from relay.crm.remote.known import Known
from relay.crm.remote.session import Made, Written

__all__ = ["Client", "Definitions", "Known", "Made", "RemoteCRM", "Written"]
