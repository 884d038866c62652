"""Files from and to a remote Relay, streamed: nothing of them is held whole."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from relay.cli.invocation import Invocation
from relay.cli.office import credentials, refused
from relay.core.errors import Unavailable

_PATIENCE = 60.0  # seconds without a byte


@contextmanager
def downloaded(
    invocation: Invocation, path: str, query: Mapping[str, object]
) -> Iterator[Iterator[str]]:
    """A file of `/api/v1`, piece by piece; JSON Lines by the line. Raises what the remote Relay
    refuses it with, and Unavailable where it ends too early."""
    url = f"{str(invocation.url).rstrip('/')}/api/v1/{path}"
    asked = {name: str(value) for name, value in query.items()}
    try:
        with (
            _client(invocation) as client,
            client.stream("GET", url, params=asked) as answer,
        ):
            if not answer.is_success:
                raise refused(answer.status_code, answer.read(), url)
            yield _lines(answer) if asked.get("format") == "jsonl" else answer.iter_text()
    except httpx.HTTPError as error:
        raise Unavailable(f"{url}: the connection broke: {error}") from error


def _lines(answer: httpx.Response) -> Iterator[str]:
    return (f"{line}\n" for line in answer.iter_lines())


def _client(invocation: Invocation) -> httpx.Client:
    return httpx.Client(auth=credentials(invocation.key), timeout=_PATIENCE, trust_env=False)
