"""Files from and to a remote Relay, streamed: nothing of them is held whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import orjson

from relay.cli.invocation import Invocation
from relay.cli.office import address_of, credentials, refused
from relay.core.errors import Unavailable

JSON_LINES = "application/x-ndjson"
_PATIENCE = 60.0  # seconds without a byte


@contextmanager
def downloaded(
    invocation: Invocation, path: str, query: Mapping[str, object]
) -> Iterator[Iterator[str]]:
    """A file of `/api/v1`, piece by piece; JSON Lines by the line. Raises what the remote Relay
    refuses it with, and Unavailable where it ends too early, with how many lines there were."""
    url = address_of(invocation, path)
    asked = {name: str(value) for name, value in query.items()}
    lines = 0

    def counted(texts: Iterator[str]) -> Iterator[str]:
        nonlocal lines
        for text in texts:
            lines += text.count("\n")
            yield text

    try:
        with (
            _client(invocation) as client,
            client.stream("GET", url, params=asked) as answer,
        ):
            if not answer.is_success:
                raise refused(answer.status_code, answer.read(), url)
            is_lines = asked.get("format") == "jsonl"
            yield counted(_lines(answer) if is_lines else answer.iter_text())
    except httpx.HTTPError as error:
        told = f"{url}: the connection broke after {lines} lines: {error}"
        raise Unavailable(told) from error


def _lines(answer: httpx.Response) -> Iterator[str]:
    # Not httpx's own: that ends lines at characters that may stand in a text.
    rest = ""
    for text in answer.iter_text():
        *whole, rest = (rest + text).split("\n")
        yield from (f"{line}\n" for line in whole)
    if rest:
        yield rest


def _client(invocation: Invocation) -> httpx.Client:
    return httpx.Client(auth=credentials(invocation.key), timeout=_PATIENCE, trust_env=False)


def uploaded(
    invocation: Invocation, path: str, query: Mapping[str, object], content: bytes
) -> Iterator[dict[str, Any]]:
    """Sends a file, and gives how far it is, line by line; its report is the last. Raises what the
    remote Relay refuses it with, and Unavailable where that ends too early."""
    url = address_of(invocation, path)
    asked = {name: str(value) for name, value in query.items() if value is not None}
    sent = {"Accept": JSON_LINES, "Content-Type": "application/octet-stream"}
    try:
        with (
            _client(invocation) as client,
            client.stream("POST", url, params=asked, content=content, headers=sent) as answer,
        ):
            if not answer.is_success:
                raise refused(answer.status_code, answer.read(), url)
            for line in _lines(answer):
                yield orjson.loads(line)
    except (httpx.HTTPError, orjson.JSONDecodeError) as error:
        raise Unavailable(f"{url}: the connection broke: {error}") from error
