"""HubSpot's signatures: v3, and the older two where a source allows them.

developers.hubspot.com, "Request validation". All cover the app's client secret; v1 and v2 have no
time, so that a copied request would pass for ever.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from hmac import new as new_hmac

from relay.core import options
from relay.core.errors import BadSignature
from relay.core.signing import check_age, same_secret
from relay.integration import InboundRequest, SourceConfig

V3, TIME = "x-hubspot-signature-v3", "x-hubspot-request-timestamp"
OLD, VERSION = "x-hubspot-signature", "x-hubspot-signature-version"

OPTIONS = {"older": "v1, v2 or both: signatures without a time are taken too (none)"}

# The only escapes of the address that HubSpot undoes before it signs.
_UNDONE = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip
_ESCAPES = re.compile("|".join(_UNDONE), re.IGNORECASE)


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """v3 where it is sent; else an older one that the source allows. Raises BadSignature."""
    given = request.headers.get(V3, "")
    secrets = [secret for secret in config.secrets if secret]
    if given:
        stamp = request.headers.get(TIME, "")
        check_age(stamp, request.received_at)
        expected = [v3(request.method, request.url, request.body, stamp, key) for key in secrets]
        _check(given, expected, V3)
        return
    version = request.headers.get(VERSION, "v1").lower()
    if version not in options.texts(config.options, "older"):
        raise BadSignature(f"the header {V3} is missing, and this source takes no older signature")
    expected = [_old(version, request, secret) for secret in secrets]
    _check(request.headers.get(OLD, "").lower(), expected, OLD)


def sign(body: bytes, config: SourceConfig, now: datetime) -> dict[str, str]:
    """The headers of a post to the source's address."""
    stamp = str(int(now.timestamp() * 1000))
    return {TIME: stamp, V3: v3("POST", config.url, body, stamp, config.secrets[0])}


def v3(method: str, url: str, body: bytes, stamp: str, secret: str) -> str:
    """The signature of a request to the full public address."""
    plain = _ESCAPES.sub(lambda found: _UNDONE[found[0].upper()], url)
    content = f"{method}{plain}".encode("utf-8", "replace") + body + stamp.encode()
    return b64encode(new_hmac(secret.encode(), content, hashlib.sha256).digest()).decode()


def _old(version: str, request: InboundRequest, secret: str) -> str:
    """v1 is of secret and body, v2 of secret, method, address and body."""
    where = f"{request.method}{request.url}" if version == "v2" else ""
    content = secret.encode() + where.encode("utf-8", "replace") + request.body
    return hashlib.sha256(content).hexdigest()


def _check(given: str, expected: Sequence[str], header: str) -> None:
    if not given or not same_secret(given, expected):
        raise BadSignature(f"the signature in {header} does not match the request")
