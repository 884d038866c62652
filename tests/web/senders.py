"""Requests as an ASGI server hands them over, and what was answered."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from relay.web.wire import ASGI, Message, Scope

Part = bytes | None  # None: the sender is gone


def scope(path: str = "/in/x/y", *, method: str = "POST", **headers: str) -> Scope:
    """A request's head; `content_type` is the header `content-type`."""
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": raw,
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()],
        "server": ("127.0.0.1", 8000),
        "client": ("192.0.2.7", 5000),
    }


@dataclass
class Sender:
    """Sends a body in parts; after the last of them it waits for its answer.

    stays   until it is answered; else it goes away after the last part
    given   how many bytes of it were asked for
    told    what it was answered
    """

    parts: Iterable[Part] = ()
    stays: bool = True
    given: int = 0
    told: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._parts = iter(self.parts)
        self._ended = False
        self._answered = asyncio.Event()

    async def receive(self) -> Message:
        part = next(self._parts, b"")
        if self._ended and self.stays:
            await self._answered.wait()
        if part is None or self._ended:
            return {"type": "http.disconnect"}
        self._ended = not part
        self.given += len(part)
        return {"type": "http.request", "body": part, "more_body": not self._ended}

    async def send(self, message: Message) -> None:
        self.told.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            self._answered.set()

    @property
    def status(self) -> int:
        found: int = self.told[0]["status"]
        return found

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.told[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.told[1:])


def drips(body: bytes, size: int = 3) -> list[Part]:
    """A body as a slow sender's comes."""
    return [body[at : at + size] for at in range(0, len(body), size)]


def asked(app: ASGI, sender: Sender, asks: Scope) -> Sender:
    """The sender with its answer."""
    done(app(asks, sender.receive, sender.send))
    return sender


def done(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it, on a loop of its own."""
    return asyncio.run(work)
