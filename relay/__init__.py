"""Relay: webhooks in, the CRM kept true, the sale booked once."""

__version__ = "0.1.0"
