"""The CRM in our own database: functions over a connection, one file per resource."""

from relay.crm.embedded.crm import EmbeddedCRM

__all__ = ["EmbeddedCRM"]
