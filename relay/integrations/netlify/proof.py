"""Netlify's signature: a JWS (RFC 7515) whose claims hold the SHA-256 of the body.

`iss` is `netlify`, `sha256` the digest in hex. The algorithm is HS256 and nothing else, whatever
the token's own header says.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

from relay.core import exact_json
from relay.core.errors import BadSignature
from relay.core.facts import a_map
from relay.core.signing import same_secret
from relay.integration import InboundRequest, SourceConfig

HEADER, ISSUER = "x-webhook-signature", "netlify"
LONGEST = 4096


def verify(request: InboundRequest, config: SourceConfig) -> None:
    """Raises BadSignature."""
    token = request.headers.get(HEADER, "")
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST:  # noqa: PLR2004 - header, claims, signature
        raise BadSignature(f"the header {HEADER} holds no signed token")
    head, claims, given = parts
    if _part(head).get("alg") != "HS256":
        raise BadSignature("the token is not signed with HS256")
    content = f"{head}.{claims}".encode("utf-8", "replace")
    if not same_secret(given, [_signature(content, key) for key in config.secrets if key]):
        raise BadSignature("the token's signature matches none of the source's secrets")
    found = _part(claims)
    if found.get("iss") != ISSUER:
        raise BadSignature("the token is not Netlify's")
    if not same_secret(str(found.get("sha256", "")), [hashlib.sha256(request.body).hexdigest()]):
        raise BadSignature("the token speaks for another body")


def sign(body: bytes, config: SourceConfig, now: datetime) -> dict[str, str]:
    """The header that makes a body authentic."""
    del now
    claims = {"iss": ISSUER, "sha256": hashlib.sha256(body).hexdigest()}
    content = ".".join(map(_written, ({"alg": "HS256", "typ": "JWT"}, claims)))
    return {HEADER: f"{content}.{_signature(content.encode(), config.secrets[0])}"}


def _signature(content: bytes, secret: str) -> str:
    return _encoded(hmac.new(secret.encode(), content, hashlib.sha256).digest())


def _written(part: object) -> str:
    return _encoded(exact_json.dumps(part).encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _part(text: str) -> dict[str, object]:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return dict(a_map(exact_json.loads(raw)))
    except (ValueError, binascii.Error) as error:
        raise BadSignature(f"the token in {HEADER} cannot be read") from error
