"""httpx's requests and answers over aiohttp's connections: httpx's own slow down past some thirty
at once, and the transport that is published for this makes a call cost twice as much."""

from collections.abc import AsyncIterator
from functools import lru_cache

import aiohttp
import httpx
from yarl import URL


class Transport(httpx.AsyncBaseTransport):
    """Over one session, which it closes. No redirects, and bodies come as they were sent."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises aiohttp's own errors: they say more than httpx's do."""
        answer = await self._session.request(
            request.method,
            _target(str(request.url)),
            headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
            data=request.read() or None,
            allow_redirects=False,
        )
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))

    async def aclose(self) -> None:
        await self._session.close()


class _Body(httpx.AsyncByteStream):
    """An answer's bytes, as they come."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while more := await self._answer.content.readany():
            yield more

    async def aclose(self) -> None:
        """What was not read to its end is not used again."""
        self._answer.release()
        await self._answer.wait_for_close()


# A target is called again and again.
@lru_cache(maxsize=4096)
def _target(url: str) -> URL:
    return URL(url, encoded=True)
