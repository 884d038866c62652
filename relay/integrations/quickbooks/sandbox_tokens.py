"""The sandbox's tokens: an hour of access, and a refresh token whose value changes.

developer.intuit.com, "OAuth 2.0". The token that a sandbox connection starts with stands for the
consent of a person and can be used again; every later value is good once.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

from relay.core import exact_json
from relay.core.ids import token
from relay.integration import Answer, Books, SandboxRequest

CREDENTIALS: Mapping[str, str] = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-client-secret",
    "refresh_token": "sandbox-consent",
}
LIFETIME = timedelta(hours=1)
REFRESH_SECONDS = 8_726_400


def renew(request: SandboxRequest, books: Books) -> Answer:
    """`POST /oauth2/v1/tokens/bearer`."""
    if _basic(request.headers.get("authorization", "")) != (
        CREDENTIALS["client_id"],
        CREDENTIALS["client_secret"],
    ):
        return _answer(401, {"error": "invalid_client"})
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    if form.get("grant_type") != "refresh_token":
        return _answer(400, {"error": "unsupported_grant_type"})
    given = form.get("refresh_token", "")
    kept = books.get("refresh_tokens", given)
    if given != CREDENTIALS["refresh_token"] and (kept is None or kept.get("used")):
        return _answer(400, {"error": "invalid_grant"})
    if kept is not None:
        books.put("refresh_tokens", given, {**kept, "used": True})
    access, refresh = token(), token()
    books.put("access_tokens", access, {"expires_at": (request.now + LIFETIME).isoformat()})
    books.put("refresh_tokens", refresh, {"used": False})
    return _answer(
        200,
        {
            "token_type": "bearer",
            "access_token": access,
            "expires_in": int(LIFETIME.total_seconds()),
            "refresh_token": refresh,
            "x_refresh_token_expires_in": REFRESH_SECONDS,
        },
    )


def valid(authorization: str, books: Books, now: datetime) -> bool:
    """Whether a request bears an access token that has not ended."""
    kept = books.get("access_tokens", authorization.removeprefix("Bearer "))
    return kept is not None and datetime.fromisoformat(str(kept["expires_at"])) > now


def expire(authorization: str, books: Books, now: datetime) -> None:
    """Ends an access token before its time."""
    access = authorization.removeprefix("Bearer ")
    if books.get("access_tokens", access) is not None:
        books.put("access_tokens", access, {"expires_at": now.isoformat()})


def _basic(authorization: str) -> tuple[str, str]:
    try:
        whole = base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    user, _, password = whole.partition(":")
    return user, password


def _answer(status: int, document: Mapping[str, object]) -> Answer:
    return Answer(
        status=status,
        body=exact_json.dumps(document).encode(),
        headers={"content-type": "application/json;charset=UTF-8"},
    )
