"""Between a request's thread and the loop that holds its connection: parts of a body, both ways."""

import asyncio
import io
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, BinaryIO, TypeVar

from werkzeug.exceptions import ClientDisconnected

from relay.web.wire import PATIENCE, Headers, Message, Receive, Send

T = TypeVar("T")


class Incoming:
    """A body as it comes."""

    def __init__(self, receive: Receive, length: int | None) -> None:
        self._receive = receive
        self._left = length
        self.more = length != 0

    async def take_in(self, most: int) -> bytes:
        """All of it, or as much as is more than `most`. Raises ClientDisconnected."""
        taken = await self.part() if self.more else b""
        while self.more and len(taken) <= most:
            taken += await self.part()
        return taken

    async def part(self) -> bytes:
        """The next. Raises ClientDisconnected."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        found: bytes = message.get("body", b"")
        if self._left is not None:
            self._left -= len(found)
        # Where its length was told, nobody has to wait for its end to be told too.
        self.more = message.get("more_body", False) and self._left != 0
        return found

    async def until_gone(self) -> None:
        """Returns when nobody is there any more. The body has been read to its end."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


class Line:
    """What a thread asks of the loop; it waits for each, but not for ever."""

    def __init__(self, loop: asyncio.AbstractEventLoop, incoming: Incoming, send: Send) -> None:
        self._loop = loop
        self._incoming = incoming
        self._send = send

    def rest(self, taken: bytes) -> BinaryIO:
        """The body as a file: what was taken in already, and then the rest as it comes."""
        return io.BufferedReader(_Rest(taken, self))

    def read(self) -> bytes:
        """The body's next part; empty at its end. Raises ClientDisconnected."""
        part = b""
        while self._incoming.more and not part:
            part = self._wait(self._incoming.part())
        return part

    def stream(self, status: int, headers: Headers, first: bytes, parts: Iterator[bytes]) -> None:
        """Sends an answer part by part, until there are no more or nobody is there."""
        self._say({"type": "http.response.start", "status": status, "headers": headers})
        # Where the body has not been read to its end, to watch would take the rest of it away.
        watch = None if self._incoming.more else self._begin(self._incoming.until_gone())
        part: bytes | None = first
        while part is not None and not (watch and watch.done()):
            self._say({"type": "http.response.body", "body": part, "more_body": True})
            part = next(parts, None)
        self._say({"type": "http.response.body", "body": b""})

    def _say(self, message: Message) -> None:
        async def say() -> None:
            await self._send(message)

        self._wait(say())

    def _begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        begun = self._begin(work)
        try:
            return begun.result(PATIENCE)
        except TimeoutError:
            begun.cancel()
            raise ClientDisconnected from None


class _Rest(io.RawIOBase):
    """What was taken in, then what comes."""

    def __init__(self, taken: bytes, line: Line) -> None:
        self._ready = taken
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._ready or self._line.read()
        size = min(len(buffer), len(part))
        buffer[:size] = part[:size]
        self._ready = part[size:]
        return size
