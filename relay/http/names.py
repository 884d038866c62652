"""Looks names up on threads of its own, for a few seconds each.

A name server that never answers holds a thread until the system's own patience ends. The loop's few
threads would soon all be held, and with them every name, and whatever else a loop has threads for.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

SECONDS = 5.0
AT_ONCE = 128  # more than slow targets may be in flight at once
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

LookUp = Callable[..., list[tuple[Any, ...]]]


class Names(AbstractResolver):
    """The system's resolver, or what stands in for it."""

    def __init__(self, look_up: LookUp = socket.getaddrinfo, seconds: float = SECONDS) -> None:
        self._look_up = look_up
        self._seconds = seconds

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Its addresses. Raises OSError."""
        try:
            async with asyncio.timeout(self._seconds):
                found = await asyncio.get_running_loop().run_in_executor(
                    _threads(), self._ask, host, port, family
                )
        except TimeoutError as error:
            raise OSError(f"nobody said within {self._seconds:g} s where {host} is") from error
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=address[1],
                family=kind,
                proto=protocol,
                flags=_NUMERIC,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Its threads are the process's."""

    def _ask(self, host: str, port: int, family: int) -> list[tuple[Any, ...]]:
        return self._look_up(
            host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
        )


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="names")
