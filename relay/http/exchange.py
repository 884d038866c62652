"""What was asked and what was answered, as a trace keeps it: cut, and secrets masked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from relay.core import exact_json

SHOWN = 20_000
MASK = "•••"

_SECRET_NAME = re.compile(r"authorization|cookie|token|secret|password|key(?:id)?$", re.I)
_SHOWN_NAMES = frozenset({"idempotency-key"})
_FIELDS = (
    r"(?:access_token|refresh_token|id_token|client_secret|client_assertion|password|api_?key"
    r"|token|secret|hapikey)"
)
_IN_JSON = re.compile(rf'("{_FIELDS}"\s*:\s*")(?:[^"\\]|\\.)*', re.I)
_IN_FORM = re.compile(rf"((?:^|[?&])(?:{_FIELDS}|code)=)[^&#\s]*", re.I)
_MASKED = rf"\1{MASK}"
# Each of those names has one of these in it. Most texts hold none, and to look for a word is a
# twentieth of what an expression costs.
_WORDS = ("token", "secret", "password", "assertion", "key", "code")


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
    """An answer, read until its end or the call's limit (`truncated`). Header names are lower
    case; `at` is when it came."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    truncated: bool = False
    at: datetime | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own numbers

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON, numbers with a point as Decimal. Raises ValueError."""
        return exact_json.loads(self.content)


def mask(text: str) -> str:
    """The text with the values of secret JSON and form fields replaced."""
    in_json, in_form = '"' in text, "=" in text
    if not (in_json or in_form):
        return text
    plain = text.casefold()
    if not any(word in plain for word in _WORDS):
        return text
    if in_json:
        text = _IN_JSON.sub(_MASKED, text)
    return _IN_FORM.sub(_MASKED, text) if in_form else text


def mask_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with credentials and cookies replaced."""
    return {name: MASK if _is_secret(name) else mask(value) for name, value in headers.items()}


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return name not in _SHOWN_NAMES and _SECRET_NAME.search(name) is not None


def shown(content: bytes) -> str:
    """A body as a person may see it: text, masked, cut."""
    text = mask(content[: SHOWN * 2].decode("utf-8", "replace"))
    return text if len(text) <= SHOWN and len(content) <= SHOWN * 2 else text[:SHOWN] + " … (cut)"
