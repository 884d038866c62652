"""Turns at a provider: no more calls a minute, and at once, than it takes from all of us.

All processes count in Redis, on its clock; without it each counts for itself. A turn ends by itself
when its time is over, so that a process that died holds up nobody.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import cast
from weakref import WeakKeyDictionary

from redis import RedisError
from redis.asyncio import Redis

from relay import log as logging
from relay.core.errors import RetryableError
from relay.core.ids import token

MINUTE = 60_000  # milliseconds
PATIENCE = 90.0  # seconds that a call waits for its turn before its run waits as a row
LOOK = 0.05
PATIENCE_ALONE = 30.0
UNCOUNTED = 1_000_000  # calls a minute that nobody counts
SPARE = 5.0  # a turn lasts so much longer than the call may take
APART = 5.0  # seconds without Redis after it did not answer
_PREFIX = "relay:turns:"

# KEYS calls of the last minute, calls in flight · ARGV a minute's, at once, ms a turn lasts, its
# name. Gives 0 where the turn is taken, else the milliseconds until one may be free.
_TAKE = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - 60000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], 0, now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return math.max(1, first[2] + 60000 - now)
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[2]) then return 50 end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('ZADD', KEYS[2], now + ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 0
"""
log = logging.get()


class Turns:
    """The process's; `of` names the account whose turns they are."""

    def __init__(self, url: str | None = None, *, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._url = url
        self._own: dict[str, _Own] = {}
        self._lock = threading.Lock()
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Redis] = WeakKeyDictionary()
        self._apart_until = 0.0

    def of(self, key: str, *, per_minute: int, at_once: int) -> "Turn":
        return Turn(turns=self, key=key, per_minute=per_minute, at_once=at_once)

    async def take(self, turn: "Turn", name: str, milliseconds: int) -> int:
        """0 where the turn is taken, else the milliseconds until one may be free."""
        client = self._client()
        if client is not None:
            keys = [f"{_PREFIX}{turn.key}:{kind}" for kind in ("minute", "now")]
            arguments = (turn.per_minute, turn.at_once, milliseconds, name)
            try:
                asked = client.eval(_TAKE, len(keys), *keys, *map(str, arguments))
                return int(await cast("Awaitable[int]", asked))
            except (RedisError, OSError) as error:
                self._apart_until = time.monotonic() + APART
                log.warning("turns_counted_alone", error=type(error).__name__)
        with self._lock:
            own = self._own.setdefault(turn.key, _Own())
            return own.take(turn, name, milliseconds)

    async def give_back(self, turn: "Turn", name: str) -> None:
        """The call has ended."""
        with self._lock:
            self._own.setdefault(turn.key, _Own()).flying.pop(name, None)
        client = self._client()
        if client is not None:
            with suppress(RedisError, OSError):
                await client.zrem(f"{_PREFIX}{turn.key}:now", name)

    async def aclose(self) -> None:
        """Closes the running loop's connections."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _client(self) -> Redis | None:
        if self._url is None or time.monotonic() < self._apart_until:
            return None
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = Redis.from_url(
                self._url, socket_connect_timeout=0.5, socket_timeout=0.5
            )
        return self._clients[loop]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A turn at one account. `alone` names what only one call at a time is for."""

    turns: Turns
    key: str
    per_minute: int
    at_once: int
    alone: str | None = None

    def alone_with(self, name: str) -> "Turn":
        """A turn beside this one: nobody else has it for the same thing at the same account."""
        key = f"{self.key}:{name}"
        return replace(self, key=key, per_minute=UNCOUNTED, at_once=1, alone=name)

    @asynccontextmanager
    async def taken(self, seconds: float) -> AsyncIterator[None]:
        """Waits for a turn of at most `seconds`. Raises RetryableError when that takes too long:
        nothing was sent."""
        patience = min(self.turns.patience, PATIENCE_ALONE if self.alone else PATIENCE)
        name, until = token(9), time.monotonic() + patience
        lasts = int((seconds + SPARE) * 1000)
        while wait := await self.turns.take(self, name, lasts):
            if time.monotonic() + min(wait / 1000, LOOK) > until:
                raise RetryableError(
                    self._crowded, retry_after=timedelta(milliseconds=max(wait, 1000))
                )
            await asyncio.sleep(min(max(wait / 1000, LOOK), until - time.monotonic(), 1.0))
        try:
            yield
        finally:
            await self.turns.give_back(self, name)

    @property
    def _crowded(self) -> str:
        if self.alone is not None:
            return f"another call for {self.alone} is still under way"
        return (
            f"more calls wait than the {self.per_minute} a minute, {self.at_once} at once, that"
            " the provider takes"
        )


@dataclass(slots=True)
class _Own:
    """One process's count."""

    began: list[float] = field(default_factory=list)
    flying: dict[str, float] = field(default_factory=dict)

    def take(self, turn: Turn, name: str, milliseconds: int) -> int:
        now = time.monotonic() * 1000
        self.began = [at for at in self.began if at > now - MINUTE]
        for ended in self._over(now):
            del self.flying[ended]
        if len(self.began) >= turn.per_minute:
            return max(1, int(self.began[0] + MINUTE - now))
        if len(self.flying) >= turn.at_once:
            return int(LOOK * 1000)
        self.began.append(now)
        self.flying[name] = now + milliseconds
        return 0

    def _over(self, now: float) -> Sequence[str]:
        return [name for name, until in self.flying.items() if until <= now]
