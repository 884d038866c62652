"""How a person lets Relay into a company: OAuth 2's code flow.

developer.intuit.com, "Set up OAuth 2.0". The company's id (realm) is handed out on the way back and
nowhere else. Intuit's discovery document offers no PKCE; where it is offered, it is used.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from relay.core.errors import AuthError, RetryableError, UnknownOutcome
from relay.http import Http
from relay.integration import Asked, Connection, Consent, Granted
from relay.integrations.quickbooks.client import (
    READ_SECONDS,
    is_intuits,
    token_address,
    tokens_of,
)

SCOPE = "com.intuit.quickbooks.accounting"
_PAGE = "https://appcenter.intuit.com/connect/oauth2"


async def page(connection: Connection, asked: Asked) -> str:
    """Intuit's own page, or the stand-in's."""
    intuits = is_intuits(connection.base_url)
    where = _PAGE if intuits else f"{connection.base_url.rstrip('/')}/connect/oauth2"
    query = {
        "client_id": (await connection.credentials.read()).get("client_id", ""),
        "response_type": "code",
        "scope": SCOPE,
        "redirect_uri": asked.redirect_uri,
        "state": asked.state,
    }
    if not intuits:
        query |= {"code_challenge": challenge(asked.verifier), "code_challenge_method": "S256"}
    return f"{where}?{urlencode(query)}"


async def redeem(
    connection: Connection, http: Http, now: datetime, asked: Asked, answer: Mapping[str, str]
) -> Granted:
    """Tokens for the code, and which company they are for. Raises AuthError, RetryableError."""
    if answer.get("error"):
        raise AuthError(f"QuickBooks did not let Relay in: {answer['error']}")
    code, realm = answer.get("code", ""), answer.get("realmId", "")
    if not code or not (realm.isascii() and realm.isdigit()):
        raise AuthError("QuickBooks sent no code, or did not say for which company")
    kept = await connection.credentials.read()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": asked.redirect_uri,
    }
    if not is_intuits(connection.base_url):
        form["code_verifier"] = asked.verifier
    try:
        response = await http.request(
            "POST",
            token_address(connection.base_url),
            headers={"accept": "application/json"},
            form=form,
            auth=(kept.get("client_id", ""), kept.get("client_secret", "")),
            timeout=READ_SECONDS,
            purpose="QuickBooks: redeem the code",
        )
    except UnknownOutcome as error:
        raise RetryableError(f"{error}: connect once more") from error
    tokens = tokens_of(response, now)
    if "refresh_token" not in tokens:
        raise AuthError("QuickBooks gave no refresh token: connect once more")
    return Granted(credentials=tokens, settings={"realm": realm})


def challenge(verifier: str) -> str:
    """What the page is shown of the verifier (RFC 7636, S256)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


CONSENT = Consent(page=page, redeem=redeem, brings=("refresh_token",))
