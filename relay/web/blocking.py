"""The door for servers that speak WSGI only: a request's thread waits for the coroutine."""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

from relay.web.inbound import opens_at
from relay.web.proxies import WSGI, Environ
from relay.web.wire import ASGI, Message, Scope

PART = 64 * 1024


class Blocking:
    """WSGI: gives what is addressed to a source to `door`, and everything else to `app`."""

    def __init__(self, door: ASGI, app: WSGI) -> None:
        self._door = door
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if not opens_at(environ.get("PATH_INFO", "")):
            return self._app(environ, start)
        told: list[Message] = []
        parts = _parts(environ)

        async def receive() -> Message:
            return await asyncio.to_thread(next, parts)

        async def send(message: Message) -> None:
            told.append(message)

        work = self._door(_scope(environ), receive, send)
        asyncio.run_coroutine_threadsafe(work, self._running()).result()
        status = HTTPStatus(told[0]["status"])
        headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in told[0]["headers"]]
        start(f"{status.value} {status.phrase}", headers)
        return [told[1]["body"]]

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop of all requests, in a thread of its own; after the server's fork."""
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="door", daemon=True).start()
            return self._loop


def _scope(environ: Environ) -> Scope:
    """The request as the door reads it."""
    path = str(environ.get("PATH_INFO", "")).encode("latin-1")
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    headers = [
        (key.removeprefix("HTTP_").replace("_", "-").lower().encode(), value.encode("latin-1"))
        for key, value in environ.items()
        if key.startswith("HTTP_") or (key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
    ]
    return {
        "type": "http",
        "method": environ["REQUEST_METHOD"],
        "path": path.decode(errors="replace"),
        "raw_path": str(target).partition("?")[0].encode("latin-1") if target else None,
        "query_string": str(environ.get("QUERY_STRING", "")).encode("latin-1"),
        "headers": headers,
    }


def _parts(environ: Environ) -> Iterator[Message]:
    """The body's messages."""
    told = environ.get("CONTENT_LENGTH", "")
    # Where nothing says how long it is or that it ends, there is none.
    left = int(told) if told else None if environ.get("wsgi.input_terminated") else 0
    while left != 0:
        part = environ["wsgi.input"].read(PART if left is None else min(left, PART))
        if not part:
            break
        left = None if left is None else left - len(part)
        yield {"type": "http.request", "body": part, "more_body": True}
    yield {"type": "http.disconnect"} if left else {"type": "http.request", "more_body": False}
