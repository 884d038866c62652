"""Zuora's API v1: the token, shared by all who use the connection, and one call.

developer.zuora.com: "Create an OAuth token", "Idempotent requests". The token endpoint has limits
of its own (100 a minute for one address), so a token is kept with the credentials and renewed
under their lock.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from relay.core.errors import AuthError, RemoteError, RetryableError, UnknownOutcome
from relay.core.facts import a_map, a_text
from relay.http import Http, Response
from relay.integration import Connection
from relay.integrations.zuora import answers
from relay.integrations.zuora.answers import Problem

TIMEOUT = 120.0
TOKEN_TIMEOUT = 30.0
EARLY = timedelta(minutes=5)
LONGEST_TRACK = 64
# A failure is replayed under its key for a day, that of a dead token too.
RENEWED = "-renewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One tenant, during one call of ours; `track` comes back in Zuora's own log."""

    connection: Connection
    http: Http
    now: datetime
    track: str = ""

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """The document at `path`. Raises RemoteError's children."""
        found = await self._get(path, params)
        if found.problem is not None:
            raise answers.error_of(
                found.problem, found.response, f"Zuora, GET {path}", writes=False
            )
        return found.document

    async def find(self, path: str) -> Mapping[str, object] | None:
        """The document at `path`; None where Zuora knows of none, which it says in a 200."""
        found = await self._get(path, None)
        if found.problem is None:
            return found.document
        if found.problem.category == answers.NOT_FOUND:
            return None
        raise answers.error_of(found.problem, found.response, f"Zuora, GET {path}", writes=False)

    async def post(self, path: str, body: Mapping[str, object], key: str) -> Mapping[str, object]:
        """Creates under our idempotency key. The document of a success, or an error."""
        found = await self._post(path, body, key)
        if found.problem and found.problem.category == answers.CREDENTIALS:
            found = await self._post(path, body, key + RENEWED)
        if found.problem is not None:
            raise answers.error_of(
                found.problem, found.response, f"Zuora, POST {path}", writes=True
            )
        return found.document

    async def token(self, *, stale: str = "") -> str:
        """A token that lives for minutes yet, and is not the stale one. Raises AuthError."""
        kept = await self.connection.credentials.read()
        if not _is_fresh(kept, self.now, stale):
            kept = await self.connection.credentials.replace(
                lambda stored: self._renewed(stored, stale)
            )
        return kept["access_token"]

    async def _renewed(self, stored: Mapping[str, str], stale: str) -> Mapping[str, str]:
        if _is_fresh(stored, self.now, stale):
            return stored
        if not stored.get("client_id") or not stored.get("client_secret"):
            raise AuthError("the connection needs a client id and a client secret of the tenant")
        response = await self._ask_for_token(stored)
        told = a_map(answers.read(response))
        token = a_text(told.get("access_token"))
        if not response.is_success or not token:
            raise _token_refused(response, told)
        lives = timedelta(seconds=float(a_text(told.get("expires_in")) or 0))
        expires = {"expires_at": (self.now + lives).isoformat()}
        return {**stored, "access_token": token, **expires}

    async def _ask_for_token(self, stored: Mapping[str, str]) -> Response:
        form = {
            "client_id": stored["client_id"],
            "client_secret": stored["client_secret"],
            "grant_type": "client_credentials",
        }
        url = self._url("/oauth/token")
        try:
            return await self.http.request(
                "POST", url, form=form, timeout=TOKEN_TIMEOUT, purpose="Zuora: sign in"
            )
        except UnknownOutcome as error:
            # A token too many does no harm.
            raise RetryableError(str(error)) from error

    async def _get(self, path: str, params: Mapping[str, str] | None) -> "_Told":
        found = await self._call("GET", path, params=params)
        if found.problem and found.problem.category == answers.CREDENTIALS:
            return await self._call("GET", path, params=params)
        return found

    async def _post(self, path: str, body: Mapping[str, object], key: str) -> "_Told":
        return await self._call("POST", path, body=body, headers={"idempotency-key": key})

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> "_Told":
        """One call; one more with a new token where the token was refused by its status."""
        sent = dict(headers or {})
        if self.track:
            sent["zuora-track-id"] = self.track[:LONGEST_TRACK]
        token = await self.token()
        found = await self._send(method, path, params, body, sent, token)
        if found.problem is None or not found.problem.about_the_token:
            return found
        if answers.SAME_TOKEN not in found.problem.message:
            token = await self.token(stale=token)
        if found.response.status != HTTPStatus.UNAUTHORIZED:
            return found
        return await self._send(method, path, params, body, sent, token)

    async def _send(
        self,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: Mapping[str, object] | None,
        headers: Mapping[str, str],
        token: str,
    ) -> "_Told":
        response = await self.http.request(
            method,
            self._url(path),
            params=params,
            headers={**headers, "authorization": f"Bearer {token}"},
            json=body,
            timeout=TIMEOUT,
            purpose=f"Zuora: {method} {path}",
        )
        return _told(response)

    def _url(self, path: str) -> str:
        return self.connection.base_url.rstrip("/") + path


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    response: Response
    document: Mapping[str, object]
    problem: Problem | None


def _told(response: Response) -> _Told:
    document = answers.read(response)
    problem = answers.problem_in(response, document)
    return _Told(response=response, document=a_map(document), problem=problem)


def _is_fresh(kept: Mapping[str, str], now: datetime, stale: str) -> bool:
    token, until = kept.get("access_token", ""), kept.get("expires_at", "")
    if not token or token == stale or not until:
        return False
    try:
        return datetime.fromisoformat(until) - EARLY > now
    except ValueError:
        return False


def _token_refused(response: Response, told: Mapping[str, object]) -> RemoteError:
    status = response.status
    words = a_text(told.get("message")) or a_text(told.get("reason")) or "no reason given"
    message = f"Zuora, sign in, answered {status}: {words}"
    if status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return AuthError(message, status=status)
    return RetryableError(message, status=status, retry_after=answers.SOON)
