"""An inbound request read from WSGI, and its answer given to it, without an object between.

What a framework's request and response cost is a third of an accept; here the environ is read
once and the answer is one list of bytes, which the server sends in one piece.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Request

from relay.integration import Answer, InboundRequest
from relay.web.proxies import Environ

_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class TooLarge(Exception):
    """The body is larger than allowed."""


class Broken(Exception):
    """The body ended before the length that was announced."""


def body_of(environ: Environ, largest: int) -> bytes:
    """The raw body. Raises TooLarge, having read no more than `largest` bytes and one, and
    Broken."""
    told = environ.get("CONTENT_LENGTH", "")
    length = int(told) if told.isascii() and told.isdigit() else None
    if length is None and not environ.get("wsgi.input_terminated"):
        return b""  # Nothing says where the body would end.
    if length is not None and length > largest:
        raise TooLarge
    wanted = largest + 1 if length is None else length
    body = environ["wsgi.input"].read(wanted)
    while 0 < len(body) < wanted and (more := environ["wsgi.input"].read(wanted - len(body))):
        body += more
    if len(body) > largest:
        raise TooLarge
    if length is not None and len(body) < length:
        raise Broken
    return bytes(body)


def read(environ: Environ, base_url: str, body: bytes, now: datetime) -> InboundRequest:
    """The request, its address as the sender wrote it."""
    headers = {
        _name(key): value
        for key, value in environ.items()
        if key.startswith("HTTP_") or (key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value)
    }
    asked = environ.get("QUERY_STRING")
    target = environ.get("RAW_URI") or environ.get("REQUEST_URI")
    path = str(target) if target else quote(_path(environ))
    if not target and asked:
        path += f"?{asked}"
    return InboundRequest(
        method=environ["REQUEST_METHOD"],
        url=base_url + path,
        headers=headers,
        body=body,
        received_at=now,
        query=Request(environ).args.to_dict() if asked else {},
    )


def give(
    answer: Answer, environ: Environ, start: Callable[..., Any]
) -> Iterable[bytes]:  # fmt: skip
    """Starts the response and returns its body."""
    headers = [(name, _value(name, value)) for name, value in answer.headers.items()]
    if answer.status not in _BODILESS:
        headers.append(("content-length", str(len(answer.body))))
    start(_line(answer.status), headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]


# Senders choose these names, so not all are kept.
@lru_cache(maxsize=1024)
def _name(key: str) -> str:
    return key.removeprefix("HTTP_").replace("_", "-").lower()


@lru_cache(maxsize=64)
def _line(status: int) -> str:
    return f"{status} {HTTPStatus(status).phrase}"


def _value(name: str, value: str) -> str:
    return iri_to_uri(value) if name == "location" else value


def _path(environ: Environ) -> str:
    """PATH_INFO as text: WSGI hands UTF-8 on as latin-1 (PEP 3333)."""
    return str(environ.get("PATH_INFO", "")).encode("latin-1").decode(errors="replace")
