"""Pages in threads behind a loop: what they are asked and what they answer comes through whole."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, request

from relay.web import bridge, patience
from relay.web.bridge import Bridge, environ_of
from relay.web.wire import Message
from tests.web.senders import Part, Sender, asked, drips, scope


class Silent(Sender):
    """Says that there is a body, and sends none."""

    async def receive(self) -> Message:
        await asyncio.Event().wait()
        return {}


LARGE = b"0123456789" * 20_000  # more than is taken in before there is a thread


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)

    @app.post("/echo")
    def echo() -> Response:
        return Response(request.get_data(), content_type="text/plain")

    @app.get("/where")
    def where() -> dict[str, Any]:
        return {"from": request.remote_addr, "asked": request.args, "cookies": request.cookies}

    @app.post("/nothing")
    def nothing() -> Response:
        return Response(status=204)

    return app


def call(app: Flask, path: str, parts: list[Part], **asks: str) -> Sender:
    return asked(Bridge(app.wsgi_app), Sender(parts), scope(path, **asks))


@pytest.mark.parametrize("body", [b"", b"small", LARGE], ids=["empty", "small", "large"])
def test_a_page_reads_the_whole_body(app: Flask, body: bytes) -> None:
    sender = call(app, "/echo", drips(body, 5000), content_length=str(len(body)))
    assert (sender.status, sender.body) == (200, body)
    assert sender.headers["content-length"] == str(len(body))


def test_a_body_without_a_length_is_read_to_its_end(app: Flask) -> None:
    assert call(app, "/echo", drips(LARGE, 5000), transfer_encoding="chunked").body == LARGE


def test_an_answer_without_content_is_one(app: Flask) -> None:
    sender = call(app, "/nothing", [])
    assert (sender.status, sender.body, len(sender.told)) == (204, b"", 2)


def test_head_is_answered_without_a_body(app: Flask) -> None:
    sender = call(app, "/where", [], method="HEAD")
    assert (sender.status, sender.body) == (200, b"")
    assert int(sender.headers["content-length"]) > 0


def test_a_page_knows_who_asks_and_what(app: Flask) -> None:
    asks = scope("/where?a=%C3%A9", method="GET")
    asks = {**asks, "headers": [(b"cookie", b"a=1"), (b"cookie", b"b=2")]}
    sender = asked(Bridge(app.wsgi_app), Sender(), asks)
    assert b'"a":"\\u00e9"' in sender.body
    assert b'"from":"192.0.2.7"' in sender.body
    assert b'"b":"2"' in sender.body


def test_a_header_with_an_underscore_does_not_pass_for_a_proxys() -> None:
    asks = {**scope(), "headers": [(b"x_forwarded_for", b"127.0.0.1"), (b"x-real-ip", b"::1")]}
    environ = environ_of(asks, None)
    assert "HTTP_X_FORWARDED_FOR" not in environ
    assert environ["HTTP_X_REAL_IP"] == "::1"


def test_a_path_comes_to_the_application_as_pep_3333_has_it() -> None:
    assert environ_of(scope("/a%2Fb/%C3%A9"), None)["PATH_INFO"] == "/a/b/Ã©"


def test_a_page_that_comes_in_parts_is_sent_in_parts() -> None:
    app = Flask(__name__)

    @app.get("/")
    def parts() -> Response:
        return Response(iter([b"one", b"two", b"three"]))

    sender = call(app, "/", [], method="GET")
    assert [message["body"] for message in sender.told[1:]] == [b"one", b"two", b"three", b""]


def test_what_nobody_listens_to_any_more_is_not_made() -> None:
    made, closed = [], threading.Event()

    def answer(environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", [])
        try:
            for number in range(1000):
                made.append(number)
                yield b"x"
        finally:
            closed.set()

    asked(Bridge(answer), Sender(stays=False), scope("/"))
    assert closed.is_set()
    assert len(made) < 1000


@pytest.mark.parametrize("body", [[b"half", None], [LARGE, None]], ids=["small", "large"])
def test_a_broken_body_is_not_taken_for_a_whole_one(app: Flask, body: list[Part]) -> None:
    sender = call(app, "/echo", body, content_length="1000000")
    assert not sender.told or sender.status == 400


def test_who_does_not_send_holds_no_thread_and_is_told_so(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "EVERY", 0.01)
    monkeypatch.setattr(bridge, "PATIENCE", 0.01)
    asks = scope("/echo", content_length="5")
    assert asked(Bridge(app.wsgi_app), Silent(), asks).status == 408


def test_more_than_can_wait_are_told_to_come_again(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "MOST", 0)
    sender = call(app, "/echo", [])
    assert (sender.status, sender.headers["retry-after"]) == (503, "5")
