"""The door behind a server that speaks WSGI only."""

from io import BytesIO
from typing import Any

import pytest

from relay.web.blocking import Blocking
from relay.web.patience import Patience
from relay.web.wire import Broken, Receive, Scope, Send, body_of, headers_of, length_of


async def door(scope: Scope, receive: Receive, send: Send) -> None:
    """Says what it was sent."""
    try:
        body = await body_of(length_of(headers_of(scope)), receive, 100, Patience(60))
    except Broken:
        body = b"broken"
    await send(
        {
            "type": "http.response.start",
            "status": 202,
            "headers": [(b"x-path", scope["raw_path"] or scope["path"].encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})


def elsewhere(environ: dict[str, Any], start: Any) -> list[bytes]:
    start("200 OK", [])
    return [b"elsewhere"]


def call(path: str, body: bytes, **more: Any) -> tuple[str, dict[str, str], bytes]:
    told: list[Any] = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": path, "wsgi.input": BytesIO(body), **more}
    answer = Blocking(door, elsewhere)(environ, lambda *given: told.extend(given))
    return told[0], dict(told[1]), b"".join(answer)


@pytest.mark.parametrize(
    ("told", "body"),
    [
        ({"CONTENT_LENGTH": "5"}, b"hello"),
        ({"wsgi.input_terminated": True}, b"hello"),
        ({"CONTENT_LENGTH": "9"}, b"broken"),
        ({}, b""),
    ],
    ids=["told", "to its end", "cut off", "without either"],
)
def test_it_is_sent_the_body_as_far_as_its_length_is_known(
    told: dict[str, Any], body: bytes
) -> None:
    assert call("/in/x/y", b"hello", **told)[::2] == ("202 Accepted", body)


@pytest.mark.parametrize(
    ("told", "path"), [({"RAW_URI": "/in/%78/y?a=1"}, "/in/%78/y"), ({}, "/in/x/y")]
)
def test_it_is_told_the_address_as_it_was_sent(told: dict[str, Any], path: str) -> None:
    assert call("/in/x/y", b"", **told)[1] == {"x-path": path}


def test_everything_else_goes_elsewhere() -> None:
    assert call("/sources", b"")[2] == b"elsewhere"
