"""A Relay as a sender and a program see it: inbound addresses and `/api/v1`, over a socket."""

import base64
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import orjson

from relay.core import ids
from relay.core.errors import RelayError

T = TypeVar("T")

PATIENCE = 30.0  # seconds a step of the story may take
_LOOK = 0.05


class DemoFailed(RelayError):
    """The story could not be told to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered."""

    status: int
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON; {} where there is none."""
        return orjson.loads(self.body) if self.body else {}


class Site:
    """One Relay. Whatever is asked while its web process is away is asked again, as senders do;
    what changes something carries an Idempotency-Key, so that it is done once."""

    def __init__(self, welcome: Mapping[str, Any]) -> None:
        self.welcome = welcome
        self.patience = PATIENCE
        self._host = urlsplit(welcome["url"]).netloc
        pair = f"{welcome['api']['key']}:{welcome['api']['secret']}"
        self._auth = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def get(self, path: str, **query: str) -> Any:
        """A document of `/api/v1`."""
        asked = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return self._api("GET", f"{path}?{asked}" if asked else path, None)

    def post(self, path: str, document: object = None) -> Any:
        """Makes or does something there."""
        return self._api("POST", path, document)

    def patch(self, path: str, document: object) -> Any:
        """Changes something there."""
        return self._api("PATCH", path, document)

    def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """A delivery to an inbound address, as its sender makes it."""
        return self._ask("POST", urlsplit(url).path, body, headers)

    def _api(self, method: str, path: str, document: object) -> Any:
        headers = {"authorization": self._auth, "content-type": "application/json"}
        if method == "POST":
            headers["idempotency-key"] = ids.token()
        body = b"" if document is None else orjson.dumps(document)
        answer = self._ask(method, f"/api/v1{path}", body, headers)
        if answer.status >= 300:  # noqa: PLR2004 - not a success
            raise DemoFailed(f"{method} {path} answered {answer.status}: {answer.body[:300]!r}")
        return answer.document

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        last: list[str] = []

        def try_once() -> Answer | None:
            connection = HTTPConnection(self._host, timeout=PATIENCE)
            try:
                connection.request(method, path, body=body, headers=dict(headers))
                found = connection.getresponse()
                answer = Answer(status=found.status, body=found.read())
            except (OSError, HTTPException) as error:
                last.append(f"{type(error).__name__} {error}")
                return None
            finally:
                connection.close()
            return None if answer.status == 503 else answer  # noqa: PLR2004 - come again

        return until(try_once, f"an answer to {method} {path}", lambda: last[-1] if last else "")


def until(
    look: Callable[[], T | None],
    what: str,
    seen: Callable[[], object] = lambda: "",
    *,
    seconds: float = PATIENCE,
) -> T:
    """Looks until there is something. Raises DemoFailed, with what was seen last."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise DemoFailed(f"waited {seconds:g} s for {what}. {seen()}")
        time.sleep(_LOOK)  # noqa: TID251 - another process is at work
    return found
