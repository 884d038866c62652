"""A load generator in a process of its own: `python -m bench.load PLAN`, results on stdout as JSON.

Closed loop: each connection sends its next request when the last is answered. Open loop: requests
leave at a fixed rate whatever the answers, and a latency counts from the moment it was due.
"""

import asyncio
import re
import statistics
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

LOOK = 0.1  # seconds between two looks at how far things are
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`rate` in answers a second; latencies in milliseconds; `statuses` counts answers by code."""

    rate: float
    seconds: float
    p50: float
    p99: float
    statuses: dict[str, int]

    @property
    def refused(self) -> int:
        return sum(n for code, n in self.statuses.items() if not code.startswith("2"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, made before the clock runs."""

    path: str
    body: bytes
    headers: dict[str, str]

    def wire(self, host: str) -> bytes:
        told = {"host": host, "content-length": str(len(self.body)), **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body


def send(
    port: int,
    requests: Sequence[Request],
    *,
    connections: int = 32,
    seconds: float | None = None,
    rate: float | None = None,
) -> Result:
    """Sends the requests, again from the first if time is left; stops after `seconds`, or when
    each was sent once. `rate` a second makes it an open loop."""
    with TemporaryDirectory() as folder:
        wire = [request.wire(f"127.0.0.1:{port}") for request in requests]
        body = Path(folder, "requests")
        body.write_bytes(b"".join(wire))
        plan = {
            "port": port,
            "connections": connections,
            "seconds": seconds,
            "rate": rate,
            "lengths": [len(one) for one in wire],
            "body": str(body),
        }
        path = Path(folder, "plan.json")
        path.write_bytes(orjson.dumps(plan))
        done = subprocess.run(
            [sys.executable, "-m", "bench.load", path], check=True, capture_output=True
        )
    return Result(**orjson.loads(done.stdout))


class _Sender:
    """Everything that is on its way."""

    def __init__(self, wire: list[bytes], *, seconds: float | None, rate: float | None) -> None:
        self._wire = wire
        self._seconds = seconds
        self._rate = rate
        self._next = 0
        self._idle: deque[_Line] = deque()
        self._due: deque[tuple[bytes, float]] = deque()
        self.began = time.perf_counter()
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self.over = asyncio.get_running_loop().create_future()
        self.flying = 0

    def take(self) -> bytes | None:
        """The next request; None when the work is over."""
        if self._seconds is not None:
            if time.perf_counter() - self.began > self._seconds:
                return None
        elif self._next >= len(self._wire):
            return None
        self._next += 1
        return self._wire[(self._next - 1) % len(self._wire)]

    def free(self, line: "_Line") -> None:
        """A connection has nothing to do."""
        if self._rate is None:
            if (wire := self.take()) is not None:
                line.send(wire, time.perf_counter())
                return
        elif self._due:
            line.send(*self._due.popleft())
            return
        else:
            self._idle.append(line)
            return
        if self.flying == 0 and not self.over.done():
            self.over.set_result(None)

    async def pace(self) -> None:
        """The open loop's clock."""
        assert self._rate is not None
        number = 0
        while (wire := self.take()) is not None:
            at = self.began + number / self._rate
            if (wait := at - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            number += 1
            if self._idle:
                self._idle.popleft().send(wire, at)
            else:
                self._due.append((wire, at))
        while self.flying or self._due:
            await asyncio.sleep(0.005)
        self.over.set_result(None)


class _Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self._buffer = b""
        self._at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, wire: bytes, at: float) -> None:
        self._at = at
        self._sender.flying += 1
        self._transport.write(wire)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = _LENGTH.search(head)
        if len(rest) < (int(length[1]) if length else 0):
            return
        self._buffer = b""
        sender = self._sender
        sender.flying -= 1
        sender.latencies.append(time.perf_counter() - self._at)
        sender.statuses[head[9:12].decode()] += 1
        sender.free(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._sender.over.done():
            self._sender.over.set_exception(exc or ConnectionError("the server hung up"))


async def _run(plan: dict[str, object], wire: list[bytes]) -> Result:
    loop = asyncio.get_running_loop()
    rate, seconds = plan["rate"], plan["seconds"]
    sender = _Sender(wire, seconds=seconds, rate=rate)  # type: ignore[arg-type]  # from JSON
    lines = []
    for _ in range(int(str(plan["connections"]))):
        _, line = await loop.create_connection(
            lambda: _Line(sender), "127.0.0.1", int(str(plan["port"]))
        )
        lines.append(line)
    sender.began = time.perf_counter()
    for line in lines:
        sender.free(line)
    if rate is not None:
        await sender.pace()
    await sender.over
    return _result(sender)


def _result(sender: _Sender) -> Result:
    took = time.perf_counter() - sender.began
    cuts = statistics.quantiles(sender.latencies, n=100)
    return Result(
        rate=len(sender.latencies) / took,
        seconds=took,
        p50=cuts[49] * 1000,
        p99=cuts[98] * 1000,
        statuses=dict(sender.statuses),
    )


def main(path: str) -> None:
    plan = orjson.loads(Path(path).read_bytes())
    content = Path(plan["body"]).read_bytes()
    wire, start = [], 0
    for length in plan["lengths"]:
        wire.append(content[start : start + length])
        start += length
    sys.stdout.buffer.write(orjson.dumps(asdict(asyncio.run(_run(plan, wire)))))


def wait_for(count: Callable[[], int], wanted: int, *, seconds: float = 60.0) -> float:
    """Waits until there are that many; the clock's time then. Raises TimeoutError.

    Counting is work on the same cores: every 20 ms it was a third of what the database did.
    """
    deadline = time.perf_counter() + seconds
    while (found := count()) < wanted:
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{found} of {wanted} after {seconds:g} s")
        time.sleep(LOOK)
    return time.perf_counter()


if __name__ == "__main__":
    main(sys.argv[1])
