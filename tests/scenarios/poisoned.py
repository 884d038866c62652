"""A Celery application like `workers.app`, with a form source that brings its process down: what a
fault in a library written in C does. A form that says `poison` is never read to its end."""

import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from relay.core.event import ParsedEvent
from relay.integration import InboundRequest
from relay.integrations import INTEGRATIONS
from workers.app import app

__all__ = ["app"]


class Deadly:
    """A source that is otherwise as it was."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def parse(self, request: InboundRequest, *more: Any) -> Sequence[ParsedEvent]:
        if b"poison" in request.body:
            os.kill(os.getpid(), signal.SIGSEGV)
        found: Sequence[ParsedEvent] = self._source.parse(request, *more)
        return found


known: Any = INTEGRATIONS
known["webform"] = replace(INTEGRATIONS["webform"], source=Deadly(INTEGRATIONS["webform"].source))
