"""A subscriber on loopback: remembers what it was sent, and answers as it is told to."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

from relay import standard_webhooks
from relay.core.clock import SystemClock
from tests.serving import running

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """One delivery as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    def verify(self, *secrets: str) -> None:
        standard_webhooks.verify(self.headers, self.body, secrets, SystemClock().now())


@dataclass(slots=True)
class Receiver:
    """`answers` decides by path what is said; 204 where it says nothing."""

    url: str
    requests: list[Request] = field(default_factory=list)
    answers: Callable[[Request], Answer | None] = lambda request: None
    asked: list[Mapping[str, str]] = field(default_factory=list)
    agrees: Mapping[str, str] = field(default_factory=dict)  # what OPTIONS is answered
    lock: threading.Lock = field(default_factory=threading.Lock)

    def to(self, path: str) -> list[Request]:
        return [one for one in self.requests if one.path == path]

    def always(self, status: int, **headers: str) -> None:
        self.answers = lambda request: (
            status,
            {name.replace("_", "-"): value for name, value in headers.items()},
            b"",
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver(url="")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.path, headers, body)
            with receiver.lock:
                receiver.requests.append(request)
                status, given, content = receiver.answers(request) or (204, {}, b"")
            self.send_response(status)
            for name, value in given.items():
                self.send_header(name, value)
            if status != 204:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_OPTIONS(self) -> None:
            receiver.asked.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            for name, value in receiver.agrees.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = _Server(("127.0.0.1", 0), Handler)
    with running(server) as receiver.url:
        yield receiver
