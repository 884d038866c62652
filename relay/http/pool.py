"""The process's connections, and the guard that sees every address before it is called."""

import asyncio
import socket
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from ssl import SSLContext
from types import SimpleNamespace
from weakref import WeakKeyDictionary

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from httpx_aiohttp import AiohttpTransport

from relay.core.clock import Clock, SystemClock
from relay.core.targets import INTERNAL, TargetPolicy, blocked, port_refused
from relay.http.names import Names
from relay.http.turns import Turns

KEEP_ALIVE_SECONDS = 15.0
Pool = httpx.AsyncBaseTransport


class BlockedAddress(OSError):
    """The guard's refusal, on its way through the transport; becomes BlockedTarget."""


@dataclass(slots=True)
class Flight:
    """How far a call has come, as the transport's own signals tell."""

    sent: bool = False
    blocked: bool = False


in_flight: ContextVar[Flight] = ContextVar("flight")


class Client:
    """The process's connections: one pool per event loop and policy, so that a connection made
    under a wide policy is never reused under a narrow one. Cookies are never kept.

    A pool is httpx's transport: what its client adds (redirects, cookies, credentials of its own)
    is never wanted here, and was a third of a call.
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
        self._proxy = httpx.Proxy(proxy) if proxy else None
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
            trust_env=False,
            trace_configs=[_trace()],
        )
        # By itself it sends a PUT again when a kept connection breaks, though it was carried out.
        session._retry_connection = False
        return AiohttpTransport(client=session, verify=_tls(), proxy=proxy)


@cache
def _tls() -> SSLContext:
    # Building one costs 20 ms of processor time: once per process, when a call is made.
    return httpx.create_ssl_context(trust_env=False)


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


def _trace() -> aiohttp.TraceConfig:
    trace: aiohttp.TraceConfig = aiohttp.TraceConfig()

    async def sent(
        session: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestHeadersSentParams,
    ) -> None:
        del session, context, params
        flight = in_flight.get(None)
        if flight is not None:
            flight.sent = True

    trace.on_request_headers_sent.append(sent)
    return trace
