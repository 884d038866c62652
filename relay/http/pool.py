"""The process's connections, and the guard that sees every address before it is called."""

import asyncio
import socket
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext, create_default_context
from weakref import WeakKeyDictionary

import aiohttp
import certifi
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult

from relay.core.clock import Clock, SystemClock
from relay.core.targets import INTERNAL, TargetPolicy, blocked, port_refused
from relay.http.names import Names
from relay.http.transport import Transport
from relay.http.turns import Turns

KEEP_ALIVE_SECONDS = 15.0
CONNECT_SECONDS = 5.0
Pool = httpx.AsyncBaseTransport


class BlockedAddress(OSError):
    """The guard's refusal, on its way through the transport; becomes BlockedTarget."""


@dataclass(slots=True)
class Flight:
    """How far a call has come, as the connection itself tells."""

    sent: bool = False
    blocked: bool = False


in_flight: ContextVar[Flight] = ContextVar("flight")


class Client:
    """The process's connections: one pool per event loop and policy, so that a connection made
    under a wide policy is never reused under a narrow one. Cookies are never kept.

    A pool is a transport of httpx without its client: what that adds (redirects, cookies,
    credentials of its own) is never wanted here, and was a third of a call.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        proxy: str | None = None,
        resolver: AbstractResolver | None = None,
        turns: Turns | None = None,
    ) -> None:
        self.clock = clock or SystemClock()
        self.turns = turns or Turns()
        self._resolver = resolver
        self._proxy = proxy
        self._pools: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[TargetPolicy, Pool]] = (
            WeakKeyDictionary()
        )
        self._last: tuple[asyncio.AbstractEventLoop, TargetPolicy, Pool] | None = None

    def pool(self, policy: TargetPolicy) -> Pool:
        """The running loop's connections under this policy."""
        loop, last = asyncio.get_running_loop(), self._last
        # A policy's hash is that of all its networks: nearly every call is under the last one.
        if last is not None and last[0] is loop and last[1] is policy:
            return last[2]
        pools = self._pools.setdefault(loop, {})
        if policy not in pools:
            pools[policy] = self._open(policy)
        self._last = (loop, policy, pools[policy])
        return pools[policy]

    async def aclose(self) -> None:
        """Closes the running loop's connections."""
        self._last = None
        for pool in self._pools.pop(asyncio.get_running_loop(), {}).values():
            await pool.aclose()
        await self.turns.aclose()

    def _open(self, policy: TargetPolicy) -> Pool:
        # An egress proxy does the filtering itself, and must be reached wherever it stands.
        proxy = None if policy.internal else self._proxy
        guard = INTERNAL if proxy else policy
        session = aiohttp.ClientSession(
            connector=_connector(guard, self._resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=_Request,
            trust_env=False,
            proxy=proxy,
            # A call's own deadline is over everything; only to connect has one beside it.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            auto_decompress=False,
        )
        # By itself it sends a PUT again when a kept connection breaks, though it was carried out.
        session._retry_connection = False
        return Transport(session)


class _Request(aiohttp.ClientRequest):
    """Tells its flight when it leaves."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        flight = in_flight.get(None)
        if flight is not None:
            flight.sent = True
        return await super().send(conn)


@cache
def _tls() -> SSLContext:
    # Building one costs 20 ms of processor time: once per process, when a call is made.
    return create_default_context(cafile=certifi.where())


def _connector(policy: TargetPolicy, resolver: AbstractResolver | None) -> aiohttp.TCPConnector:
    # No limit here: whoever calls caps what is in flight for each destination.
    return aiohttp.TCPConnector(
        ssl=_tls(),
        limit=0,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        resolver=_GuardedResolver(policy, resolver),
        socket_factory=lambda info: _guarded_socket(info, policy),
    )


class _GuardedResolver(AbstractResolver):
    """Refuses a name when any one of its addresses is blocked."""

    def __init__(self, policy: TargetPolicy, resolver: AbstractResolver | None) -> None:
        self._resolver = resolver or Names()
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            _guard(each["host"], port, self._policy)
        return found

    async def close(self) -> None:
        await self._resolver.close()


def _guarded_socket(info: aiohttp.AddrInfoType, policy: TargetPolicy) -> socket.socket:
    """A socket for this very address, or a refusal: what is checked is what is connected to."""
    family, kind, protocol, _, address = info
    _guard(str(address[0]), int(address[1]), policy)
    return socket.socket(family=family, type=kind, proto=protocol)


def _guard(ip: str, port: int, policy: TargetPolicy) -> None:
    if policy.internal:
        return
    if blocked(ip, policy.allow) is None and not port_refused(ip, port, policy):
        return
    flight = in_flight.get(None)
    if flight is not None:
        flight.blocked = True
    raise BlockedAddress("blocked target")
