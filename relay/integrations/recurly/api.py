"""Recurly's API v2021-02-25: one call, and what its refusals mean.

recurly.com/developers/api/v2021-02-25. Errors come wrapped in `error` on the wire and are written
bare in the published description; a load balancer in front may answer without JSON. What an error
means is decided by its type first and by the status second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import quote

from relay.core.errors import (
    AuthError,
    PermanentError,
    RemoteError,
    RetryableError,
    UnknownOutcome,
)
from relay.core.facts import a_list, a_map, a_text
from relay.http import Http, Response, retry_after_of
from relay.integration import Connection

ACCEPT = "application/vnd.recurly.v2021-02-25+json"
TIMEOUT = 60.0
SOON = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)

CREDENTIALS = frozenset({"unauthorized", "invalid_api_key", "invalid_permissions"})
PASSING = frozenset({"rate_limited", "service_not_available", "tax_service_error"})
UNDECIDED = frozenset({"internal_server_error", "simultaneous_request"})
# Transaction errors of these categories say nothing about the card: the charge may have been made.
UNDECIDED_TRANSACTIONS = frozenset({"communication", "api_error", "recurly", "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A document; `prior` says that it is the answer to an earlier request with the same key."""

    document: Mapping[str, object]
    prior: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One site at Recurly, during one call of ours."""

    http: Http
    base_url: str
    key: str
    now: datetime

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Mapping[str, object]:
        """The document at `path`. Raises RemoteError's children."""
        return (await self._call("GET", path, params=params)).document

    async def find(
        self, path: str, params: Mapping[str, str] | None = None
    ) -> Mapping[str, object] | None:
        """The document at `path`, None where Recurly knows of none."""
        try:
            return await self.get(path, params)
        except PermanentError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def post(self, path: str, body: Mapping[str, object], key: str) -> Found:
        """Creates under our idempotency key. Recurly's own Ruby client sends one and its Go
        client reads `Idempotency-Prior`; the published description has neither."""
        return await self._call("POST", path, body=body, headers={"idempotency-key": key})

    async def put(self, path: str, body: Mapping[str, object], key: str) -> Mapping[str, object]:
        """Changes what the body names."""
        return (await self._call("PUT", path, body=body, headers={"idempotency-key": key})).document

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Found:
        response = await self.http.request(
            method,
            self.base_url.rstrip("/") + path,
            params=params,
            headers={"accept": ACCEPT, **(headers or {})},
            json=body,
            auth=(self.key, ""),
            timeout=TIMEOUT,
            purpose=f"Recurly: {method} {path}",
        )
        what = f"Recurly, {method} {path}"
        document = _json(response)
        if not response.is_success:
            raise error_of(response, document, what, self.now, writes=method != "GET")
        if not isinstance(document, Mapping):
            raise _undecided(f"{what} answered something that is not JSON", method != "GET")
        prior = response.headers.get("idempotency-prior", "").lower() == "true"
        return Found(document=document, prior=prior)


async def connect(connection: Connection, http: Http, now: datetime) -> Api:
    """The connection's site. Raises AuthError where it has no key."""
    key = (await connection.credentials.read()).get("api_key", "")
    if not key:
        raise AuthError("the connection has no API key: paste a private key of the Recurly site")
    return Api(http=http, base_url=connection.base_url, key=key, now=now)


def code_path(code: str) -> str:
    """How a path names an account by our own code."""
    return f"/accounts/code-{quote(code, safe='')}"


def error_of(
    response: Response, document: object, what: str, now: datetime, *, writes: bool
) -> RemoteError:
    """The meaning of a refusal."""
    problem = a_map(a_map(document).get("error")) or a_map(document)
    kind = a_text(problem.get("type")) or ""
    status = response.status
    message = f"{what} answered {status}{_said(kind, problem)}"
    if kind in CREDENTIALS:
        return AuthError(message, status=status)
    if kind in PASSING:
        return RetryableError(message, status=status, retry_after=_wait(response, now))
    if kind in UNDECIDED or (
        kind == "transaction" and _category(problem) in UNDECIDED_TRANSACTIONS
    ):
        return _undecided(message, writes, status)
    if kind == "validation" and _code_taken(problem):
        # Somebody made the account since we looked; the next try finds it.
        return RetryableError(message, status=status)
    if kind:
        return PermanentError(message, status=status)
    return _by_status(response, message, now, writes=writes)


def _by_status(response: Response, message: str, now: datetime, *, writes: bool) -> RemoteError:
    status = response.status
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return AuthError(message, status=status)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return RetryableError(message, status=status, retry_after=_wait(response, now))
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT) or status >= (
        HTTPStatus.INTERNAL_SERVER_ERROR
    ):
        return _undecided(message, writes, status)
    return PermanentError(message, status=status)


def _undecided(message: str, writes: bool, status: int | None = None) -> RetryableError:
    if writes:
        return UnknownOutcome(message, status=status, retry_after=SOON)
    return RetryableError(message, status=status, retry_after=SOON)


def _wait(response: Response, now: datetime) -> timedelta | None:
    """Until the sliding window moves on: `X-RateLimit-Reset`, in Unix seconds."""
    text = response.headers.get("x-ratelimit-reset", "").strip()
    if response.status == HTTPStatus.TOO_MANY_REQUESTS and text.isascii() and text.isdigit():
        until = timedelta(seconds=int(text[:10]) - int(now.astimezone(UTC).timestamp()))
        return min(max(until, timedelta(seconds=1)), LONGEST_WAIT)
    return retry_after_of(response)


def _category(problem: Mapping[str, object]) -> str:
    return a_text(a_map(problem.get("transaction_error")).get("category")) or ""


def _code_taken(problem: Mapping[str, object]) -> bool:
    return any(
        a_text(a_map(param).get("param")) in ("code", "account.code")
        and "taken" in (a_text(a_map(param).get("message")) or "")
        for param in a_list(problem.get("params"))
    )


def _said(kind: str, problem: Mapping[str, object]) -> str:
    """The error in Recurly's words, with the parameters it names."""
    advice = a_text(a_map(problem.get("transaction_error")).get("merchant_advice"))
    named = [
        f"{a_text(a_map(param).get('param'))} {a_text(a_map(param).get('message')) or ''}".strip()
        for param in a_list(problem.get("params"))
    ]
    words = [a_text(problem.get("message")) or "", *named, advice or ""]
    text = "; ".join(word for word in words if word)
    return (
        ": " + " ".join(part for part in (f"[{kind}]" if kind else "", text) if part)
        if (kind or text)
        else ""
    )


def _json(response: Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None
