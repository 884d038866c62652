"""Asks an address whether it wants our messages, before the first: CloudEvents' abuse protection
(https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md, section 4).

A status alone is no consent: the answer has to name our origin, or everybody's. The rate that it
grants, in requests a minute, becomes the hook's own limit.
"""

import asyncio
from urllib.parse import urlsplit

from relay.core.errors import InvalidInput, RelayError
from relay.http import DELIVERY_LIMIT, Http, Response
from relay.runtime import Runtime

ORIGIN = "webhook-request-origin"
_RATE = "webhook-request-rate"
_ALLOWED_ORIGIN = "webhook-allowed-origin"
_ALLOWED_RATE = "webhook-allowed-rate"
_MINUTE = 60.0
_SECONDS = 15.0


def origin_of(base_url: str) -> str:
    """The name under which we ask: our host."""
    return urlsplit(base_url).hostname or ""


def granted(runtime: Runtime, url: str, wanted: float | None) -> float | None:
    """How many messages a second the address takes; None: as many as come. Raises InvalidInput
    where it does not agree."""
    origin = origin_of(runtime.settings.base_url)
    headers = {ORIGIN: origin}
    if wanted is not None:
        headers[_RATE] = str(max(1, round(wanted * _MINUTE)))
    try:
        answer = asyncio.run(_asked(runtime, url, headers))
    except RelayError as error:
        raise _refused(f"it could not be asked: {error}") from error
    allowed = {one.strip() for one in answer.headers.get(_ALLOWED_ORIGIN, "").split(",")}
    if not answer.is_success or not allowed & {origin, "*"}:
        raise _refused(f"it answered {answer.status} and does not name {origin!r} as allowed")
    return _rate(answer.headers.get(_ALLOWED_RATE, ""), wanted)


def _rate(text: str, wanted: float | None) -> float | None:
    """What is granted, and never more than was asked for."""
    if not text.isascii() or not text.isdigit() or int(text[:9]) == 0:
        return wanted  # `*`, or nothing that could be read
    rate = int(text[:9]) / _MINUTE
    return rate if wanted is None else min(rate, wanted)


async def _asked(runtime: Runtime, url: str, headers: dict[str, str]) -> Response:
    http = Http(runtime.http, policy=runtime.outward, limit=DELIVERY_LIMIT)
    try:
        return await http.request("OPTIONS", url, headers=headers, timeout=_SECONDS)
    finally:
        # The loop ends with this call, and its connections with it.
        await runtime.http.aclose()


def _refused(why: str) -> InvalidInput:
    return InvalidInput(f"the address does not agree to be told: {why}", {"handshake": [why]})
