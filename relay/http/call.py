"""One call under one policy: its deadline, its body, and what went wrong in our own words."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlencode

import aiohttp
import httpx

import relay
from relay.core import exact_json
from relay.core.errors import BlockedTarget, InvalidInput, RetryableError, UnknownOutcome
from relay.core.targets import PUBLIC, TargetPolicy, check_url
from relay.http.content import plain
from relay.http.exchange import Exchange, Response, mask, mask_headers, shown
from relay.http.pool import BlockedAddress, Client, Flight, Pool, in_flight
from relay.http.turns import Turn

API_LIMIT = 2 * 1024 * 1024
DELIVERY_LIMIT = 64 * 1024
_ALWAYS = {
    "accept": "*/*",
    "accept-encoding": "identity",
    "user-agent": f"Relay/{relay.__version__}",
}


@dataclass(slots=True)
class Http:
    """Makes calls under one policy and keeps their exchanges in `journal`. Light: one per step,
    or per delivery, over the process's one `Client`. `turn` paces them; one whose exchanges nobody
    reads is not `journaled`."""

    client: Client
    policy: TargetPolicy = PUBLIC
    limit: int = API_LIMIT
    turn: Turn | None = None
    journaled: bool = True
    journal: list[Exchange] = field(default_factory=list)

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
        """One call, whatever it answers. `timeout` bounds it whole: connect, send and read.

        `json` is written with decimals exact. Raises RetryableError when the request surely was
        not carried out (refused, DNS, TLS), UnknownOutcome when it may have been (time-out or a
        broken connection after sending a method other than GET or HEAD), BlockedTarget when the
        policy forbids the address.
        """
        told = _headers(headers, auth)
        body = _body(json, form, content, told)
        pool = self.client.pool(self.policy)
        try:
            check_url(url, self.policy)
            whole = httpx.URL(_with(url, params)) if params else _url(url)
        except (InvalidInput, httpx.InvalidURL) as error:
            raise BlockedTarget(f"blocked target: {error}") from error
        raw = [(name.encode(), value.encode()) for name, value in (_ALWAYS | told).items()]
        # Given as a stream it is sent as it is: httpx writes all headers anew for `content`.
        stream = httpx.ByteStream(body or b"")
        sent = httpx.Request(method, whole, headers=raw, stream=stream)
        if self.turn is None:
            return await self._send(pool, sent, timeout, purpose)
        async with self.turn.taken(timeout):
            return await self._send(pool, sent, timeout, purpose)

    @asynccontextmanager
    async def alone_with(self, name: str, seconds: float) -> AsyncIterator[None]:
        """Calls for one thing at the provider's account, one caller after the other over all of our
        workers, each at most so long. Raises RetryableError when that takes too long: nothing was
        sent."""
        if self.turn is None:
            yield
            return
        async with self.turn.alone_with(name).taken(seconds):
            yield

    async def _send(
        self, pool: Pool, sent: httpx.Request, timeout: float, purpose: str
    ) -> Response:
        clock, loop = self.client.clock, asyncio.get_running_loop()
        at, began = clock.now(), loop.time()
        flight = Flight()
        token = in_flight.set(flight)
        response: Response | None = None
        problem: RetryableError | None = None
        try:
            async with asyncio.timeout(timeout):
                response = await self._exchange(pool, sent)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            problem = _error_of(sent, flight, error)
            raise problem from error
        finally:
            in_flight.reset(token)
            if self.journaled:
                self.journal.append(
                    _entry(
                        at=at,
                        took_ms=(loop.time() - began) * 1000,
                        sent=sent,
                        response=response,
                        problem=problem,
                        purpose=purpose,
                    )
                )
        return response

    async def _exchange(self, pool: Pool, sent: httpx.Request) -> Response:
        answer = await pool.handle_async_request(sent)
        content = bytearray()
        try:
            async for more in answer.stream:  # type: ignore[union-attr]  # ours is of the async kind
                content += more
                if len(content) > self.limit:
                    break
        finally:
            await answer.aclose()
        headers = _plain(answer.headers.raw)
        read, truncated = plain(bytes(content), headers.get("content-encoding"), self.limit)
        return Response(
            status=answer.status_code,
            headers=headers,
            content=read,
            truncated=truncated,
            at=self.client.clock.now(),
        )


# A target is called again and again, and an address never changes.
@lru_cache(maxsize=4096)
def _url(text: str) -> httpx.URL:
    return httpx.URL(text)


def _with(url: str, params: Mapping[str, str]) -> str:
    """An address with parameters behind those it has; httpx's own way to merge them reads it
    twice, which was a twelfth of what a call costs."""
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}"


def _headers(headers: Mapping[str, str] | None, auth: tuple[str, str] | None) -> dict[str, str]:
    sent = {name.lower(): value for name, value in (headers or {}).items()}
    if auth is not None:
        pair = base64.b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()
        sent["authorization"] = f"Basic {pair}"
    return sent


def _plain(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; what came twice is joined by `, `."""
    plain: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        plain[name] = f"{plain[name]}, {value}" if name in plain else value
    return plain


def _body(
    json: object, form: Mapping[str, str] | None, content: bytes | None, headers: dict[str, str]
) -> bytes | None:
    """The bytes to send; names their type in `headers` where the caller has not."""
    if form is not None:
        headers.setdefault("content-type", "application/x-www-form-urlencoded")
        return urlencode(form).encode()
    if json is not None:
        headers.setdefault("content-type", "application/json")
        return exact_json.dumps(json).encode()
    return content


def _error_of(sent: httpx.Request, flight: Flight, error: Exception) -> RetryableError:
    if flight.blocked or any(isinstance(each, BlockedAddress) for each in _causes(error)):
        return BlockedTarget("blocked target: we do not call this address")
    what = f"{sent.method} {sent.url.host}{sent.url.path}"
    why = _reason(error)
    if flight.sent and sent.method not in ("GET", "HEAD"):
        return UnknownOutcome(f"{what}: {why} after it was sent; it may have been carried out")
    return RetryableError(f"{what}: {why}")


def _causes(error: BaseException | None) -> list[BaseException]:
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain


# The first that matches anything in the chain of causes.
_REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientConnectorDNSError, "the name could not be looked up"),
    (aiohttp.ClientConnectorCertificateError, "its certificate is not trusted"),
    (aiohttp.ClientSSLError, "no encrypted connection could be made"),
    (ConnectionRefusedError, "the connection was refused"),
    (TimeoutError, "it took too long"),
    (aiohttp.ClientConnectorError, "no connection could be made"),
)


def _reason(error: Exception) -> str:
    chain = _causes(error)
    for kind, words in _REASONS:
        if any(isinstance(each, kind) for each in chain):
            return words
    return "the connection broke"


def _entry(
    *,
    at: datetime,
    took_ms: float,
    sent: httpx.Request,
    response: Response | None,
    problem: RetryableError | None,
    purpose: str,
) -> Exchange:
    return Exchange(
        at=at,
        took_ms=round(took_ms, 3),
        method=sent.method,
        url=mask(str(sent.url)),
        request_headers=mask_headers(_plain(sent.headers.raw)),
        request_body=shown(sent.read()),
        status=response.status if response else None,
        response_headers=mask_headers(response.headers) if response else {},
        response_body=shown(response.content) if response else "",
        error=str(problem) if problem else None,
        purpose=purpose,
    )
