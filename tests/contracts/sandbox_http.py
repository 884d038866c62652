"""Drives a connector against a sandbox in process: `Http.request`, answered by `Sandbox.handle`.

A sandbox may ask for its answer to come late with the header `x-sandbox-wait` (seconds): when that
is longer than the call's time-out, the call ends as it would over a socket.
"""

import asyncio
import base64
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from relay.core import exact_json
from relay.core.errors import RetryableError, UnknownOutcome
from relay.http import Http, Response
from relay.integration import Answer, Books, Sandbox, SandboxRequest

WAIT = "x-sandbox-wait"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One request and its answer, for tests to look at."""

    request: SandboxRequest
    answer: Answer
    url: str

    @property
    def name(self) -> str:
        return f"{self.request.method} {self.request.path}"

    @property
    def sent(self) -> object:
        return exact_json.loads(self.request.body)


@dataclass(slots=True)
class SandboxHttp:
    """Answers calls below `base_url` from the sandbox; `now` is its clock; `talks` is what was
    said; `lost` is how many requests never arrive."""

    sandbox: Sandbox
    books: Books
    base_url: str = "https://sandbox.test"
    now: datetime = NOW
    talks: list[Talk] = field(default_factory=list)
    lost: int = 0

    @property
    def http(self) -> Http:
        """This, where an `Http` is asked for."""
        return cast("Http", self)

    def sent(self, method: str, ending: str = "") -> list[Talk]:
        """What was sent by this method to paths with this ending."""
        return [
            talk
            for talk in self.talks
            if talk.request.method == method and talk.request.path.endswith(ending)
        ]

    def alone_with(self, name: str, seconds: float) -> AbstractAsyncContextManager[None]:
        """Nobody else is there."""
        del name, seconds
        return nullcontext()

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = 30.0,
        purpose: str = "",
    ) -> Response:
        del purpose
        if self.lost:
            self.lost -= 1
            raise RetryableError(f"{method} {url}: the connection was refused")
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if auth is not None:
            sent["authorization"] = basic(*auth)
        body = _body(json, form, content, sent)
        request = self._request(method, url, dict(params or {}), sent, body)
        # A call over a socket lets others run meanwhile; so does this one.
        await asyncio.sleep(0)
        answer = self.sandbox.handle(request, self.books)
        self.talks.append(Talk(request=request, answer=answer, url=url))
        if float(answer.headers.get(WAIT, "0")) > timeout:
            kind = RetryableError if method == "GET" else UnknownOutcome
            raise kind(f"{method} {url}: it took too long")
        return Response(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.headers.items()},
            content=answer.body,
            at=self.now,
        )

    def _request(
        self, method: str, url: str, params: dict[str, str], headers: dict[str, str], body: bytes
    ) -> SandboxRequest:
        assert url.startswith(self.base_url), f"{url} is not below {self.base_url}"
        parts = urlsplit(url.removeprefix(self.base_url))
        return SandboxRequest(
            method=method,
            path=parts.path or "/",
            query=dict(parse_qsl(parts.query, keep_blank_values=True)) | params,
            headers=headers,
            body=body,
            now=self.now,
        )


def basic(user: str, password: str) -> str:
    """The value of a Basic authorization header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _body(
    json: object,
    form: Mapping[str, str] | None,
    content: bytes | None,
    headers: dict[str, str],
) -> bytes:
    if form is not None:
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
        return urlencode(form).encode()
    if json is not None:
        headers.setdefault("content-type", "application/json")
        return exact_json.dumps(json).encode()
    return content or b""
