"""A request read from WSGI as its sender wrote it, and nothing read beyond what is allowed."""

from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest

from relay.integration import Answer
from relay.web import wire

NOW = datetime(2026, 11, 26, tzinfo=UTC)


class Drips:
    """A stream that gives three bytes a time, as a slow sender's does."""

    def __init__(self, content: bytes) -> None:
        self._content = BytesIO(content)
        self.given = 0

    def read(self, size: int) -> bytes:
        part = self._content.read(min(size, 3))
        self.given += len(part)
        return part


def environ(body: Any, **more: Any) -> dict[str, Any]:
    stream = BytesIO(body) if isinstance(body, bytes) else body
    return {"REQUEST_METHOD": "POST", "PATH_INFO": "/in/x/y", "wsgi.input": stream, **more}


def test_a_body_that_comes_in_drips_is_read_whole() -> None:
    assert wire.body_of(environ(Drips(b"0123456789"), CONTENT_LENGTH="10"), 100) == b"0123456789"


def test_a_body_without_a_length_is_read_to_its_end_where_the_server_knows_it() -> None:
    chunked = {"wsgi.input_terminated": True}
    assert wire.body_of(environ(Drips(b"0123456789"), **chunked), 100) == b"0123456789"
    assert wire.body_of(environ(Drips(b"0123456789")), 100) == b""


def test_a_body_that_ends_early_is_broken() -> None:
    with pytest.raises(wire.Broken):
        wire.body_of(environ(Drips(b"012"), CONTENT_LENGTH="10"), 100)


@pytest.mark.parametrize(
    "told", [{"CONTENT_LENGTH": "101"}, {"wsgi.input_terminated": True}], ids=["told", "chunked"]
)
def test_of_a_body_that_is_too_large_no_more_than_the_limit_is_read(told: dict[str, Any]) -> None:
    stream = Drips(b"x" * 1000)
    with pytest.raises(wire.TooLarge):
        wire.body_of(environ(stream, **told), 100)
    assert stream.given <= 101


@pytest.mark.parametrize(
    ("told", "url"),
    [
        ({"RAW_URI": "/in/x/y?a=%2F"}, "https://relay.example/in/x/y?a=%2F"),
        ({"QUERY_STRING": "a=%2F"}, "https://relay.example/in/x/y?a=%2F"),
        ({"PATH_INFO": "/in/x/é".encode().decode("latin-1")}, "https://relay.example/in/x/%C3%A9"),
    ],
)
def test_the_address_is_the_senders_own(told: dict[str, Any], url: str) -> None:
    assert wire.read(environ(b"", **told), "https://relay.example", b"", NOW).url == url


def test_headers_are_in_lower_case_and_nothing_else_of_the_server_is_one() -> None:
    told = {"HTTP_X_SIGNED": "1", "CONTENT_TYPE": "text/plain", "CONTENT_LENGTH": "", "PATH": "/x"}
    read = wire.read(environ(b"", QUERY_STRING="a=1&a=2&b=", **told), "", b"", NOW)
    assert read.headers == {"x-signed": "1", "content-type": "text/plain"}
    assert read.query == {"a": "1", "b": ""}


def given(answer: Answer, method: str = "POST") -> Iterator[Any]:
    started: list[Any] = []
    body = wire.give(answer, {"REQUEST_METHOD": method}, lambda *told: started.extend(told))
    return iter([*started, b"".join(body)])


def test_an_answer_says_how_long_it_is() -> None:
    assert list(given(Answer(status=202, body=b"{}"))) == [
        "202 Accepted",
        [("content-length", "2")],
        b"{}",
    ]


def test_an_answer_to_head_has_no_body_and_one_without_content_no_length() -> None:
    assert list(given(Answer(body=b"hi"), "HEAD")) == ["200 OK", [("content-length", "2")], b""]
    assert list(given(Answer(status=204))) == ["204 No Content", [], b""]


def test_a_page_with_letters_of_any_language_is_a_place_to_go_to() -> None:
    answer = Answer(status=303, headers={"location": "https://example.com/dänke"})
    _, headers, _ = given(answer)
    assert headers[0] == ("location", "https://example.com/d%C3%A4nke")
