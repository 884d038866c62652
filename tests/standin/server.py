"""The stand-in behind a real socket: keys, long addresses, and answers that are lost."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.serving import running
from tests.standin.crm import KEY, Json, StandIn


class Handler(BaseHTTPRequestHandler):
    """One connection; the server holds the stand-in."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def serve(self) -> None:
        crm, parts = self.server.crm, urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        crm.requests.append((self.command, parts.path, query))
        refused = self.refused()
        if refused:
            self.send(refused, {"statusCode": refused, "errorMessage": "refused"})
            return
        fault = crm.fault_for(self.command, parts.path)
        if fault is not None and not fault.lost:
            self.send(fault.status, {"errorMessage": "as asked"}, fault.headers)
            return
        status, answer = crm.answer(self.command, parts.path, query, body)
        if fault is not None:
            self.close_connection = True
            return
        self.send(status, answer)

    do_GET = do_POST = do_PUT = serve  # noqa: N815 - the names that http.server calls

    def refused(self) -> int:
        pair = base64.b64encode(f"{KEY}:{self.server.crm.secret}".encode()).decode()
        if self.headers.get("authorization") != f"Basic {pair}":
            return 401
        return 414 if len(self.path) > self.server.crm.longest_url else 0

    def send(self, status: int, answer: Any, headers: Json | None = None) -> None:
        content = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(204 if answer is None else status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, str(value))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def date_time_string(self, timestamp: float | None = None) -> str:
        del timestamp
        return formatdate((self.server.crm.now_ms + self.server.crm.skew_ms) / 1000, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


class Server(ThreadingHTTPServer):
    """Threads that end with the test."""

    daemon_threads = True

    def __init__(self, crm: StandIn) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.crm = crm


@contextmanager
def stand_in() -> Iterator[tuple[StandIn, str]]:
    """A stand-in that listens, and its address."""
    server = Server(StandIn())
    with running(server) as url:
        yield server.crm, f"{url}/v2"
