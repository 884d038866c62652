"""The one way out: httpx over aiohttp, deadlines, the target policy, status code → our errors.

Every outside call goes through `Http`. Exchanges are written down as they happen, secrets masked,
so that a trace can show them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer, for the trace; bodies are cut at 20 kB, secrets masked."""

    at: datetime
    took_ms: float
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_body: str
    status: int | None
    response_headers: Mapping[str, str] = field(default_factory=dict)
    response_body: str = ""
    error: str | None = None
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer, read whole (at most `limit` bytes). Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own numbers

    def json(self) -> Any:
        """The body as JSON, numbers with a point as Decimal. Raises ValueError."""
        raise NotImplementedError


class Http:
    """Makes calls and keeps their exchanges in `journal`."""

    journal: list[Exchange]

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = 30.0,
        purpose: str = "",
    ) -> Response:
        """One call, whatever it answers.

        `json` is written with decimals exact. Raises RetryableError when the request surely was
        not carried out (refused, DNS, TLS), UnknownOutcome when it may have been (time-out or a
        broken connection after sending a method other than GET or HEAD).
        """
        raise NotImplementedError
