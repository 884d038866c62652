"""A request read as its sender wrote it, and nothing read beyond what is allowed."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.integration import Answer
from relay.web import patience, wire
from relay.web.patience import Patience
from tests.web.senders import Part, Sender, done, drips, scope

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def body(parts: list[Part], length: int | None) -> bytes:
    found: bytes = done(wire.body_of(length, Sender(parts).receive, 100, Patience(60)))
    return found


@pytest.mark.parametrize("length", [10, None], ids=["told", "chunked"])
def test_a_body_that_comes_in_drips_is_read_whole(length: int | None) -> None:
    assert body(drips(b"0123456789"), length) == b"0123456789"


@pytest.mark.parametrize("length", [10, None], ids=["told", "chunked"])
def test_a_body_whose_sender_goes_away_is_broken(length: int | None) -> None:
    with pytest.raises(wire.Broken):
        body([b"012", None], length)


def test_a_body_that_ends_before_its_length_is_broken() -> None:
    with pytest.raises(wire.Broken):
        body([b"012"], 10)


def test_of_a_body_that_is_told_to_be_too_large_nothing_is_read() -> None:
    sender = Sender(drips(b"x" * 1000))
    with pytest.raises(wire.TooLarge):
        done(wire.body_of(101, sender.receive, 100, Patience(60)))
    assert sender.given == 0


def test_of_a_body_that_turns_out_too_large_no_more_than_the_limit_is_read() -> None:
    sender = Sender(drips(b"x" * 1000))
    with pytest.raises(wire.TooLarge):
        done(wire.body_of(None, sender.receive, 100, Patience(60)))
    assert 100 < sender.given <= 103


def test_a_body_that_does_not_come_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "EVERY", 0.01)

    async def nothing() -> wire.Message:
        await asyncio.Event().wait()
        return {}

    with pytest.raises(wire.TooSlow):
        done(wire.body_of(10, nothing, 100, Patience(0.01)))


def read(path: str = "/in/x/y", **headers: str) -> Any:
    asks = scope(path, **headers)
    return wire.read(asks, wire.headers_of(asks), "https://relay.example", b"", NOW)


@pytest.mark.parametrize("path", ["/in/x/y?a=%2F", "/in/x/y%20z", "/in/x/%C3%A9?"])
def test_the_address_is_the_senders_own(path: str) -> None:
    assert read(path).url == f"https://relay.example{path.removesuffix('?')}"


def test_an_address_that_the_server_has_unquoted_is_quoted_again() -> None:
    asks = {**scope(), "path": "/in/x/é", "raw_path": None}
    assert wire.read(asks, {}, "https://a.example", b"", NOW).url.endswith("/in/x/%C3%A9")


def test_of_what_is_asked_twice_the_first_counts() -> None:
    assert read("/in/x/y?a=1&a=2&b=&c=%C3%A9").query == {"a": "1", "b": "", "c": "é"}


def test_a_header_that_came_twice_is_one() -> None:
    asks = {**scope(), "headers": [(b"x-a", b"1"), (b"x-b", b"\xe9"), (b"x-a", b"2")]}
    assert wire.headers_of(asks) == {"x-a": "1, 2", "x-b": "é"}


def given(answer: Answer, method: str = "POST") -> Sender:
    sender = Sender()
    done(wire.give(answer, scope(method=method), sender.send))
    return sender


def test_an_answer_says_how_long_it_is() -> None:
    sender = given(Answer(status=202, body=b"{}"))
    assert (sender.status, sender.headers, sender.body) == (202, {"content-length": "2"}, b"{}")


def test_an_answer_to_head_has_no_body_and_one_without_content_no_length() -> None:
    head = given(Answer(body=b"hi"), "HEAD")
    assert (head.headers, head.body) == ({"content-length": "2"}, b"")
    assert given(Answer(status=204)).headers == {}


def test_a_page_with_letters_of_any_language_is_a_place_to_go_to() -> None:
    answer = Answer(status=303, headers={"Location": "https://example.com/dänke"})
    assert given(answer).headers["location"] == "https://example.com/d%C3%A4nke"
