"""An inbound request read from ASGI, and its answer given to it, without an object between.

What a framework's request and response cost is a third of an accept; here the scope is read once.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote

from werkzeug.urls import iri_to_uri

from relay.integration import Answer, InboundRequest
from relay.web.patience import Patience

Scope = Mapping[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
ASGI = Callable[[Scope, Receive, Send], Coroutine[Any, Any, None]]

PATIENCE = 60.0  # seconds in which a body has to be there
_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class TooLarge(Exception):
    """The body is larger than allowed."""


class Broken(Exception):
    """The body ended before its end."""


class TooSlow(Exception):
    """The body was not there in time."""


def headers_of(scope: Scope) -> dict[str, str]:
    """By name in lower case; what came twice is joined."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def length_of(headers: Mapping[str, str]) -> int | None:
    """How long the body is said to be."""
    told = headers.get("content-length", "")
    return int(told) if told.isascii() and told.isdigit() else None


async def body_of(length: int | None, receive: Receive, largest: int, patience: Patience) -> bytes:
    """The raw body. Raises TooLarge, having kept no more than `largest` bytes and the last part
    that came, Broken and TooSlow. Whoever sends slowly keeps nobody but himself waiting."""
    if length is not None and length > largest:
        raise TooLarge
    if length == 0:
        return b""
    try:
        return await patience.wait(_read(length, receive, largest))
    except TimeoutError:
        raise TooSlow from None


async def _read(length: int | None, receive: Receive, largest: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more and size != length:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Broken
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > largest:
            raise TooLarge
        parts.append(part)
    if length is not None and size != length:
        raise Broken
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read(
    scope: Scope, headers: Mapping[str, str], base_url: str, body: bytes, now: datetime
) -> InboundRequest:
    """The request, its address as the sender wrote it."""
    raw = scope.get("raw_path")
    url = base_url + (raw.decode("latin-1") if raw else quote(scope["path"]))
    query: dict[str, str] = {}
    if scope["query_string"]:
        asked = scope["query_string"].decode("latin-1")
        url += f"?{asked}"
        for name, value in parse_qsl(asked, keep_blank_values=True):
            query.setdefault(name, value)
    return InboundRequest(
        method=scope["method"],
        url=url,
        headers=headers,
        body=body,
        received_at=now,
        query=query,
    )


async def give(answer: Answer, scope: Scope, send: Send) -> None:
    """Sends a sender its answer."""
    headers = [_header(name, value) for name, value in answer.headers.items()]
    if answer.status not in _BODILESS:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send_whole(send, answer.status, headers, body)


async def send_whole(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Sends an answer in one piece."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _header(name: str, value: str) -> tuple[bytes, bytes]:
    name = name.lower()
    given = iri_to_uri(value) if name == "location" else value
    return name.encode("latin-1"), given.encode("latin-1")
