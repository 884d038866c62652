"""Servers on loopback that end with their test."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from socketserver import BaseServer
from typing import Any
from wsgiref.types import WSGIApplication

from werkzeug.serving import WSGIRequestHandler, make_server

# For httpx's `verify` where there is no TLS: by default each call reads all certificates first,
# which takes longer than the answer.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_POLL = 0.02  # seconds; a server that ends looks for the word so often, by default twice a second


class _Quiet(WSGIRequestHandler):
    """Says nothing about requests: a failing test's output is about the product."""

    def log(self, type: str, message: str, *args: Any) -> None:
        del type, message, args


def served(app: WSGIApplication) -> AbstractContextManager[str]:
    """A real web server before an application; its address."""
    return running(make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet))


@contextmanager
def running(server: BaseServer) -> Iterator[str]:
    """Lets it serve; its address."""
    thread = threading.Thread(target=server.serve_forever, args=(_POLL,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
