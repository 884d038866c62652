"""The one way out: aiohttp, deadlines, the target policy, status code → our errors.

Every outside call goes through `Http`. Exchanges are written down as they happen, secrets masked,
so that a trace can show them.
"""

from relay.http.answers import error_for, retry_after_of
from relay.http.call import API_LIMIT, DELIVERY_LIMIT, Http
from relay.http.exchange import MASK, Exchange, Response, mask, mask_headers, shown
from relay.http.pool import Client
from relay.http.turns import Turn, Turns

__all__ = [
    "API_LIMIT",
    "DELIVERY_LIMIT",
    "MASK",
    "Client",
    "Exchange",
    "Http",
    "Response",
    "Turn",
    "Turns",
    "error_for",
    "mask",
    "mask_headers",
    "retry_after_of",
    "shown",
]
