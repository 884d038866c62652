"""Who really called, where trusted proxies stand in front."""

from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any

from relay.core.targets import Network

Environ = dict[str, Any]
WSGI = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class BehindProxies:
    """Believes X-Forwarded-For and X-Forwarded-Proto of the given networks and of nobody else.

    The address taken is the last one that no trusted proxy has: what stands before it was written
    by the caller.
    """

    def __init__(self, app: WSGI, trusted: Sequence[Network]) -> None:
        self._app = app
        self._trusted = trusted

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if self._is_trusted(environ.get("REMOTE_ADDR", "")):
            environ["REMOTE_ADDR"] = self._caller(environ)
            scheme = environ.get("HTTP_X_FORWARDED_PROTO", "").rpartition(",")[2].strip()
            if scheme in {"http", "https"}:
                environ["wsgi.url_scheme"] = scheme
        return self._app(environ, start)

    def _caller(self, environ: Environ) -> str:
        hops = [hop.strip() for hop in str(environ.get("HTTP_X_FORWARDED_FOR", "")).split(",")]
        for hop in reversed([hop for hop in hops if hop]):
            if not self._is_trusted(hop):
                return hop
        return str(environ["REMOTE_ADDR"])

    def _is_trusted(self, text: str) -> bool:
        try:
            address = ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._trusted)
