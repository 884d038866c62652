"""The sandbox's tokens: an hour of access, and a refresh token whose value changes.

developer.intuit.com, "OAuth 2.0". The token that a sandbox connection starts with stands for the
consent of a person and can be used again; every later value is good once.
"""

import base64
import binascii
import hashlib
import html
from collections.abc import Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from relay.core import exact_json
from relay.core.ids import token
from relay.integration import Answer, Books, SandboxRequest

CREDENTIALS: Mapping[str, str] = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-client-secret",
    "refresh_token": "sandbox-consent",
}
LIFETIME = timedelta(hours=1)
CODE_LIVES = timedelta(minutes=5)
REFRESH_SECONDS = 8_726_400


def renew(request: SandboxRequest, books: Books) -> Answer:
    """`POST /oauth2/v1/tokens/bearer`."""
    if _basic(request.headers.get("authorization", "")) != (
        CREDENTIALS["client_id"],
        CREDENTIALS["client_secret"],
    ):
        return _answer(401, {"error": "invalid_client"})
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    match form.get("grant_type"):
        case "refresh_token":
            good = _refreshed(form.get("refresh_token", ""), books)
        case "authorization_code":
            good = _redeemed(form, request, books)
        case _:
            return _answer(400, {"error": "unsupported_grant_type"})
    return _new(request, books) if good else _answer(400, {"error": "invalid_grant"})


def _refreshed(given: str, books: Books) -> bool:
    kept = books.get("refresh_tokens", given)
    if given != CREDENTIALS["refresh_token"] and (kept is None or kept.get("used")):
        return False
    if kept is not None:
        books.put("refresh_tokens", given, {**kept, "used": True})
    return True


def _redeemed(form: Mapping[str, str], request: SandboxRequest, books: Books) -> bool:
    """A code is good once, soon, for the address it was sent to and with its verifier."""
    code = form.get("code", "")
    kept = books.get("codes", code)
    if kept is None or kept.get("used"):
        return False
    books.put("codes", code, {**kept, "used": True})
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    shown = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return (
        datetime.fromisoformat(str(kept["until"])) > request.now
        and kept["redirect_uri"] == form.get("redirect_uri")
        and kept["challenge"] in ("", shown)
    )


def _new(request: SandboxRequest, books: Books) -> Answer:
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


def consent(request: SandboxRequest, books: Books, realm: str) -> Answer:
    """`GET /connect/oauth2`: the page on which a person lets an app into the company."""
    query = request.query
    back, client = query.get("redirect_uri", ""), query.get("client_id", "")
    if client != CREDENTIALS["client_id"] or query.get("response_type") != "code" or not back:
        return _page(400, "<p>The app is not known here: client_id or redirect_uri is wrong.</p>")
    decision, state = query.get("decision"), query.get("state", "")
    if decision is None:
        here = html.escape(urlencode({**query, "decision": "connect"}))
        away = html.escape(urlencode({**query, "decision": "cancel"}))
        return _page(
            200,
            f"<p>May Relay read and write the books of the sandbox company {realm}?</p>"
            f'<p><a href="?{here}">Connect</a> · <a href="?{away}">No, thanks</a></p>',
        )
    if decision != "connect":
        return _back(back, {"error": "access_denied", "state": state})
    code = token()
    books.put(
        "codes",
        code,
        {
            "redirect_uri": back,
            "challenge": query.get("code_challenge", ""),
            "until": (request.now + CODE_LIVES).isoformat(),
        },
    )
    return _back(back, {"code": code, "state": state, "realmId": realm})


def _back(address: str, answer: Mapping[str, str]) -> Answer:
    return Answer(status=302, headers={"location": f"{address}?{urlencode(answer)}"})


def _page(status: int, text: str) -> Answer:
    whole = f"<!doctype html><title>QuickBooks sandbox</title><h1>QuickBooks sandbox</h1>{text}"
    return Answer(
        status=status, body=whole.encode(), headers={"content-type": "text/html; charset=utf-8"}
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
