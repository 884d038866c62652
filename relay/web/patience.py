"""A deadline for each of many that wait on one loop, without a timer for each.

A timer for every body and every commit took a twelfth of the time of an accept.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

EVERY = 1.0  # seconds between two looks at who waits
T = TypeVar("T")


class Patience:
    """Lets each wait for so many seconds, or a little more; `len` says how many do."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: dict[asyncio.Task[Any], float] = {}
        self._is_looking = False

    def __len__(self) -> int:
        return len(self._until)

    async def wait(self, what: Awaitable[T]) -> T:
        """What comes of it. Raises TimeoutError."""
        task: Any = asyncio.current_task()
        self._until[task] = time.monotonic() + self._seconds
        if not self._is_looking:
            self._look_later()
        try:
            return await what
        except asyncio.CancelledError:
            if task in self._until:
                raise
            task.uncancel()
            raise TimeoutError from None
        finally:
            self._until.pop(task, None)

    def _look_later(self) -> None:
        self._is_looking = True
        asyncio.get_running_loop().call_later(EVERY, self._look)

    def _look(self) -> None:
        now = time.monotonic()
        for task in [task for task, until in self._until.items() if until <= now]:
            del self._until[task]
            task.cancel()
        self._is_looking = False
        if self._until:
            self._look_later()
