"""Deliveries signed by an HMAC over the body: how a source checks one, and makes one."""

from collections.abc import Mapping
from datetime import datetime

from relay.core.signing import HmacScheme, Signed
from relay.integration import InboundRequest, SourceConfig


def verify(scheme: HmacScheme, request: InboundRequest, config: SourceConfig) -> None:
    """Raises BadSignature where it matches none of the source's secrets, or is too old."""
    signed = Signed(body=request.body, headers=request.headers)
    scheme.verify(signed, config.secrets, request.received_at)


def sign(scheme: HmacScheme, body: bytes, config: SourceConfig, now: datetime) -> Mapping[str, str]:
    """The headers that make a body authentic."""
    return scheme.sign(Signed(body=body), config.secrets, now)
