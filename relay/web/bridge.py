"""A WSGI application behind an ASGI server: each request in a thread of a pool.

The loop takes the body in before a thread is given to the request, so that who sends slowly holds
none; only of what is larger than `AHEAD` the thread reads the rest as it comes.
"""

import asyncio
import io
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.exceptions import ClientDisconnected

from relay.web.line import Incoming, Line
from relay.web.patience import Patience
from relay.web.proxies import WSGI, Environ
from relay.web.wire import PATIENCE, Headers, Receive, Scope, Send, send_whole

THREADS = 32
AHEAD = 64 * 1024  # bytes of a body that are taken in before a thread is needed
MOST = 512  # requests that wait for a thread or have one; who comes then is told to come again


class Bridge:
    """ASGI: has a WSGI application answer."""

    def __init__(self, app: WSGI, threads: int = THREADS) -> None:
        self._app = app
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="page")
        self._slow = Patience(PATIENCE)
        self._inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._inside >= MOST:
            await send_whole(send, 503, [(b"retry-after", b"5")])
            return
        self._inside += 1
        try:
            await self._answer(scope, receive, send)
        except ClientDisconnected:
            pass  # Nobody is there to be answered.
        finally:
            self._inside -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        incoming = Incoming(receive, _length(scope))
        try:
            taken = await self._slow.wait(incoming.take_in(AHEAD))
        except TimeoutError:
            await send_whole(send, 408, [(b"connection", b"close")])
            return
        line = Line(loop, incoming, send)
        body = line.rest(taken) if incoming.more else io.BytesIO(taken)
        head = _Head()
        whole = await loop.run_in_executor(
            self._pool, self._work, environ_of(scope, body), head, line
        )
        if whole is not None:
            await send_whole(send, head.status, head.headers, whole)

    def _work(self, environ: Environ, head: "_Head", line: Line) -> bytes | None:
        """In a thread of the pool. A page that is whole is handed back; what comes in parts is
        sent from here, and None says so."""
        answer = self._app(environ, head)
        try:
            parts = iter(answer)
            first = next(parts, None)
            if first is None or environ["REQUEST_METHOD"] == "HEAD" or head.announces(len(first)):
                return first or b""
            line.stream(head.status, head.headers, first, parts)
            return None
        finally:
            if hasattr(answer, "close"):
                answer.close()


class _Head:
    """`start_response` of PEP 3333: takes the status and the headers."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: Headers = []

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        del exc_info
        self.status = int(status[:3])
        self.headers = [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in headers]

    def announces(self, length: int) -> bool:
        return (b"content-length", b"%d" % length) in self.headers


def _length(scope: Scope) -> int | None:
    """Of the body; None where only its end will be told."""
    headers = dict(scope["headers"])
    told = headers.get(b"content-length", b"")
    if told.isdigit():
        return int(told)
    return None if b"transfer-encoding" in headers else 0


def environ_of(scope: Scope, body: Any) -> Environ:
    """What a WSGI application is called with (PEP 3333)."""
    raw = scope.get("raw_path") or scope["path"].encode()
    server, client = scope.get("server") or ("", ""), scope.get("client") or ("", "")
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(raw).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name:
            continue  # X_Forwarded_For would pass for what a trusted proxy writes.
        key, text = name.decode("latin-1").upper().replace("-", "_"), value.decode("latin-1")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            text = f"{environ[key]}{';' if key == 'HTTP_COOKIE' else ','}{text}"
        environ[key] = text
    return environ
