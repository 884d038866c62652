"""A subscriber with moods, in a thread of its own: each path is a hook's address and answers as its
name says. What reaches it stands in the ledger."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import orjson

from bench.chaos.ledger import Arrival, Ledger

# How often each of them does not take what it is sent, or says so too late.
MOODS: Mapping[str, float] = {
    "steady": 0.0,  # takes everything
    "flaky": 0.15,  # answers 500
    "cut": 0.05,  # takes it, and hangs up without an answer
    "late": 0.01,  # takes it, and answers after its time-out
    "ordered": 0.1,  # answers 500, and is told one message of a person at a time
}
LATE_SECONDS = 3.0


class Subscriber:
    """`url` is where its paths stand; it has its moods while `is_moody`."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.url = ""
        self.is_moody = True
        self._ledger = ledger
        self._chance = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    def go(self) -> None:
        """Hangs up on everybody, and is not there."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()

    def come(self) -> None:
        """Is there again, at the same address."""
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def run(self) -> None:
        self._loop.run_forever()

    def end(self) -> None:
        self.go()
        self._loop.call_soon_threadsafe(self._loop.stop)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=512)
        self._port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side hung up, or was killed
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; whether another may follow on this connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        path = head[0].split(" ")[1].strip("/")
        is_moody = self.is_moody and self._chance.random() < MOODS[path]
        refuses = is_moody and path in ("flaky", "ordered")
        self._ledger.arrive(_arrival(path, headers, body, was_taken=not refuses))
        if is_moody and path == "cut":
            return False
        if is_moody and path == "late":
            await asyncio.sleep(LATE_SECONDS)
        status = b"500 Internal Server Error" if refuses else b"200 OK"
        writer.write(b"HTTP/1.1 %s\r\ncontent-length: 0\r\n\r\n" % status)
        await writer.drain()
        return True


def _arrival(path: str, headers: Mapping[str, str], body: bytes, *, was_taken: bool) -> Arrival:
    told = orjson.loads(body)
    return Arrival(
        path=path,
        number=int(told["company"]),
        id=headers["webhook-id"],
        key=told["email"],
        sequence=int(headers["webhook-sequence"]),
        at=time.monotonic(),
        was_taken=was_taken,
    )


@contextmanager
def subscribing(ledger: Ledger, seed: int) -> Iterator[Subscriber]:
    """One that is there."""
    subscriber = Subscriber(ledger, seed)
    thread = threading.Thread(target=subscriber.run, daemon=True)
    thread.start()
    subscriber.come()
    try:
        yield subscriber
    finally:
        subscriber.end()
        thread.join(10)
