"""Receivers that nobody would wish for, each on a path of one server on loopback."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_HEAD = b"HTTP/1.1 200 OK\r\n"


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        sent = self._read()
        if not sent:
            return
        name = sent.split(b" ")[1].strip(b"/").decode()
        getattr(self, f"_{name}", self._good)()

    def _read(self) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.request.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        while len(body) < length:
            body += self.request.recv(65536)
        return head

    def _good(self) -> None:
        self.request.sendall(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")

    def _hang(self) -> None:
        self.server.over.wait(60)  # type: ignore[attr-defined]

    def _drip(self) -> None:
        self.request.sendall(_HEAD + b"content-length: 1000000\r\n\r\n")
        while not self.server.over.wait(0.2):  # type: ignore[attr-defined]
            self.request.sendall(b".")

    def _endless(self) -> None:
        self.request.sendall(_HEAD + b"transfer-encoding: chunked\r\n\r\n")
        while not self.server.over.is_set():  # type: ignore[attr-defined]
            self.request.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")

    def _huge(self) -> None:
        self.request.sendall(_HEAD + b"content-length: 104857600\r\n\r\n")
        for _ in range(1600):
            if self.server.over.is_set():  # type: ignore[attr-defined]
                return
            self.request.sendall(b"x" * 65536)

    def _headers(self) -> None:
        self.request.sendall(_HEAD)
        for n in range(100_000):
            self.request.sendall(b"x-%d: %s\r\n" % (n, b"y" * 1000))

    def _redirect(self) -> None:
        self.request.sendall(
            b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n"
            b"connection: close\r\n\r\n"
        )

    def _nonsense(self) -> None:
        self.request.sendall(b"\0\1\2 hello\r\n\r\n")

    def _reset(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, *_: object) -> None: ...  # the other side hung up, as it should


@contextmanager
def misbehaving() -> Iterator[str]:
    """Its address."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.over = threading.Event()  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.over.set()  # type: ignore[attr-defined]
            server.shutdown()
            thread.join()
