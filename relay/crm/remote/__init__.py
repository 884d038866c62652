"""A CRM that speaks SalesforceIQ v2 over HTTP."""

from relay.crm.remote.client import Client
from relay.crm.remote.crm import RemoteCRM
from relay.crm.remote.definitions import Definitions

__all__ = ["Client", "Definitions", "RemoteCRM"]
