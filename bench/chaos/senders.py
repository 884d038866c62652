"""Senders as they are: each form is sent until it is acknowledged, under the same id."""

import random
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException

import orjson

from bench.chaos.ledger import Ledger
from relay import standard_webhooks

LINES = 12
PATIENCE = 60.0  # seconds after the last form until one that is not acknowledged is given up
_PAUSE = 0.2


class Senders:
    """`rate` forms a second for so many seconds, about so many people."""

    def __init__(
        self, ledger: Ledger, *, port: int, path: str, secrets: Sequence[str],
        rate: float, seconds: float, people: int, seed: int,
    ) -> None:  # fmt: skip
        self._ledger = ledger
        self._port = port
        self._path = path
        self._secrets = secrets
        self._rate = rate
        self._count = int(rate * seconds)
        self._chance = random.Random(seed)
        self._people = people
        self._next = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(LINES)]
        self.again = 0
        self.given_up = 0

    def start(self) -> None:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Until everything is acknowledged."""
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        line: HTTPConnection | None = None
        while (taken := self._take()) is not None:
            number, person = taken
            wait = self._began + number / self._rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            line = self._until_acknowledged(number, person, line)

    def _take(self) -> tuple[int, int] | None:
        with self._lock:
            if self._next >= self._count:
                return None
            self._next += 1
            return self._next - 1, self._chance.randrange(self._people)

    def _until_acknowledged(
        self, number: int, person: int, line: HTTPConnection | None
    ) -> HTTPConnection | None:
        body = orjson.dumps({
            "email": f"kim{person}@example.com", "name": f"Kim {person}", "company": str(number),
        })  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            line = line or HTTPConnection("127.0.0.1", self._port, timeout=10)
            try:
                if self._post(line, number, body):
                    self._ledger.acknowledge(number, time.monotonic())
                    return line
            except (OSError, HTTPException):
                line.close()
                line = None
            with self._lock:
                self.again += 1
            time.sleep(_PAUSE)
        with self._lock:
            self.given_up += 1
        return line

    def _post(self, line: HTTPConnection, number: int, body: bytes) -> bool:
        now = datetime.now(UTC)
        headers = standard_webhooks.sign(f"msg_{number}", body, self._secrets, now)
        line.request("POST", self._path, body, {"content-type": "application/json", **headers})
        answer = line.getresponse()
        answer.read()
        return 200 <= answer.status < 300
