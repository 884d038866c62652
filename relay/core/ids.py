"""Identifiers: `evt_1042` for rows of ours, 24 hex characters for CRM records, random tokens."""

import hashlib
import secrets
from datetime import datetime
from functools import lru_cache

from relay.core.errors import NotFound

_DIGITS = 18  # what fits a 64-bit row number
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
# Two characters at a time: base64.b32encode takes ten times as long as the hash.
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]


def public(prefix: str, number: int) -> str:
    """How a numbered row is called outside: `public("evt", 1042)` is `evt_1042`."""
    return f"{prefix}_{number}"


def number(prefix: str, text: str) -> int:
    """The row behind a public id. Raises NotFound for anything that is not one."""
    head, _, digits = text.partition("_")
    if head != prefix or not digits.isascii() or not digits.isdigit() or len(digits) > _DIGITS:
        raise NotFound(f"there is no {text!r} here: such an id begins with {prefix}_")
    return int(digits)


def record_id(at: datetime) -> str:
    """A CRM record's id: 8 hex digits of its creation second, then 16 at random, as in v2."""
    return f"{int(at.timestamp()):08x}{secrets.token_hex(8)}"


def token(size: int = 24) -> str:
    """An unguessable text for URLs and secrets; `size` random bytes."""
    return secrets.token_urlsafe(size)


def ordering_key(text: str) -> int:
    """The signed 64-bit hash under which work for one thing stays in order."""
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


# A step's key is asked for at each try, note and record of it.
@lru_cache(maxsize=4096)
def digest(*parts: str) -> str:
    """Sixteen base32 characters made from durable facts: document numbers and effect keys."""
    joined = "\x1f".join(parts).encode()
    bits = int.from_bytes(hashlib.sha256(joined).digest()[:10], "big")
    return "".join([_PAIRS[bits >> shift & 0x3FF] for shift in range(70, -10, -10)])
