"""The CRM in our own database: functions over a connection, one file per resource."""

from relay.crm.embedded.crm import EmbeddedCRM
from relay.crm.embedded.sitting import Sitting

__all__ = ["EmbeddedCRM", "Sitting"]
