"""Signatures by shared secret: one configurable scheme that most senders' own are settings of.

    QUICKBOOKS = HmacScheme(header="intuit-signature", encoding="base64")
    TYPEFORM = HmacScheme(header="typeform-signature", encoding="base64", prefix="sha256=")
    RECURLY = HmacScheme(header="recurly-signature", separator=",", timestamp="first",
                         unit="ms", signed="{timestamp}.{body}")

`verify` and `sign` are pure: the time is an argument, the bytes are the raw ones.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from relay.core.errors import BadSignature, InvalidInput

TOLERANCE = timedelta(minutes=5)
ALGORITHMS = ("sha256", "sha1", "sha512")
MILLISECOND_DIGITS = 13
_LAST_SECOND = datetime.max.replace(tzinfo=UTC).timestamp()

_PLACEHOLDER = re.compile(r"\{(body|timestamp|url|method|header:[a-z0-9-]+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What a signature speaks for. Header names are lower case."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacScheme:
    """How a sender signs.

    header     holds the signature or signatures; lower case
    algorithm  sha256, sha1 or sha512
    key        how a secret's text becomes the key: `text`, `hex`, or `base64` (after `whsec_`)
    encoding   of the digest: `hex` or `base64`
    prefix     stands before each signature (`sha256=`, `v1,`); entries without it are skipped
    separator  between several entries of the header; empty: there is one
    signed     the signed bytes: text with {body}, {timestamp}, {url}, {method}, {header:<name>}
    timestamp  where it stands: `header:<name>`, `part:<its prefix>` or `first` among the header's
               entries; empty: there is none, and no replay check
    unit       `s` or `ms`, when signing; when verifying 13 digits are milliseconds
    tolerance  how far it may be off, both ways
    """

    header: str
    algorithm: str = "sha256"
    key: str = "text"
    encoding: str = "hex"
    prefix: str = ""
    separator: str = ""
    signed: str = "{body}"
    timestamp: str = ""
    unit: str = "s"
    tolerance: timedelta = TOLERANCE

    def verify(self, signed: Signed, secrets: Sequence[str], now: datetime) -> int:
        """The position of the secret that matched. Raises BadSignature.

        Every secret is tried against every entry, each in constant time.
        """
        given = signed.headers.get(self.header, "")
        if not given:
            raise BadSignature(f"the header {self.header} is missing")
        entries = [part.strip() for part in given.split(self.separator)] if self.separator else [
            given.strip()
        ]  # fmt: skip
        stamp = self._stamp(signed.headers, entries)
        if self.timestamp:
            check_age(stamp, now, self.tolerance)
        content = self._content(signed, stamp)
        candidates = [entry.removeprefix(self.prefix) for entry in entries
                      if entry.startswith(self.prefix)]  # fmt: skip
        for position, secret in enumerate(secrets):
            expected = self.signature(content, secret).encode()
            if any(_same(expected, self._bytes(candidate)) for candidate in candidates):
                return position
        raise BadSignature(self._mismatch(given, candidates, secrets))

    def _mismatch(self, given: str, candidates: Sequence[str], secrets: Sequence[str]) -> str:
        """What was expected, without giving it away."""
        if not secrets:
            return "the source has no secret yet"
        if not candidates:
            return f"no entry of {self.header} begins with {self.prefix}: {given[:40]!r}"
        known = (
            "the source's secret"
            if len(secrets) == 1
            else f"one of the {len(secrets)} live secrets"
        )
        return (
            f"no signature in {self.header} matches the request; expected {self.prefix}"
            f"<{self.encoding} HMAC-{self.algorithm.upper()} of {self.signed}> under {known}"
        )

    def sign(self, signed: Signed, secrets: Sequence[str], now: datetime) -> dict[str, str]:
        """The headers that make the request authentic, one signature for each secret that the
        header has room for."""
        seconds = now.timestamp()
        stamp = str(int(seconds * 1000) if self.unit == "ms" else int(seconds))
        content = self._content(signed, stamp)
        used = secrets if self.separator else secrets[:1]
        entries = [self.prefix + self.signature(content, secret) for secret in used]
        kind, _, name = self.timestamp.partition(":")
        if kind == "first":
            entries.insert(0, stamp)
        if kind == "part":
            entries.insert(0, name + stamp)
        placed = {name: stamp} if kind == "header" else {}
        return placed | {self.header: (self.separator or " ").join(entries)}

    def signature(self, content: bytes, secret: str) -> str:
        """The digest of `content` as text, without its prefix."""
        digest = hmac.digest(key_of(secret, self.key), content, self.algorithm)
        return digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode()

    def _bytes(self, candidate: str) -> bytes:
        text = candidate.lower() if self.encoding == "hex" else candidate
        return text.encode("utf-8", "replace")

    def _stamp(self, headers: Mapping[str, str], entries: list[str]) -> str:
        kind, _, name = self.timestamp.partition(":")
        match kind:
            case "header":
                return headers.get(name, "")
            case "first":
                return entries.pop(0)
            case "part":
                return next((entry.removeprefix(name) for entry in entries
                             if entry.startswith(name)), "")  # fmt: skip
            case _:
                return ""

    def _content(self, signed: Signed, stamp: str) -> bytes:
        return b"".join(
            # Every second piece is a placeholder's name.
            _value(piece, signed, stamp) if position % 2 else piece.encode()
            for position, piece in enumerate(_pieces(self.signed))
        )


@lru_cache(maxsize=256)
def _pieces(signed: str) -> Sequence[str]:
    return _PLACEHOLDER.split(signed)


def key_of(secret: str, decoding: str) -> bytes:
    """The key behind a secret's text. Raises BadSignature for an empty or unreadable one: such a
    secret must never make anything valid."""
    try:
        match decoding:
            case "base64":
                text = secret.removeprefix("whsec_")
                key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
            case "hex":
                key = bytes.fromhex(secret)
            case _:
                key = secret.encode()
    except (ValueError, binascii.Error) as error:
        raise BadSignature(f"the source's secret is not {decoding}") from error
    if not key:
        raise BadSignature("the source's secret is empty")
    return key


def check_age(stamp: str, now: datetime, tolerance: timedelta = TOLERANCE) -> None:
    """Raises BadSignature for a timestamp (seconds, or 13 digits of milliseconds) that is missing,
    unreadable, or further from `now` than the tolerance, in either direction."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= MILLISECOND_DIGITS):
        raise BadSignature("the signature's timestamp is missing or not a number")
    seconds = int(stamp) / 1000 if len(stamp) == MILLISECOND_DIGITS else int(stamp)
    if seconds > _LAST_SECOND:
        raise BadSignature("the signature's timestamp is not a date")
    off = now.timestamp() - seconds
    if abs(off) > tolerance.total_seconds():
        way = "too old" if off > 0 else "too far ahead"
        raise BadSignature(
            f"the signature's timestamp is {way}: {abs(off):.0f} s, where"
            f" {tolerance.total_seconds():.0f} are allowed"
        )


def same_secret(given: str, secrets: Sequence[str]) -> bool:
    """Whether `given` is one of the secrets, in constant time. An empty one never is."""
    sent = given.encode("utf-8", "surrogatepass")
    matches = [_same(secret.encode(), sent) for secret in secrets if secret]
    return any(matches)


def check_scheme(scheme: HmacScheme) -> None:
    """Refuses settings that could not work. Raises InvalidInput."""
    wrong: dict[str, list[str]] = {}
    if scheme.algorithm not in ALGORITHMS:
        wrong["algorithm"] = [f"one of {', '.join(ALGORITHMS)}"]
    if scheme.key not in ("text", "hex", "base64"):
        wrong["key"] = ["one of text, hex, base64"]
    if scheme.encoding not in ("hex", "base64"):
        wrong["encoding"] = ["one of hex, base64"]
    if "{body}" not in scheme.signed:
        wrong["signed"] = [
            "must contain {body}: a signature that leaves the body out proves nothing"
        ]
    if bool(scheme.timestamp) != ("{timestamp}" in scheme.signed):
        wrong["timestamp"] = ["belongs together with {timestamp} in what is signed"]
    if wrong:
        raise InvalidInput("These signature settings cannot work", wrong)


def _same(expected: bytes, given: bytes) -> bool:
    return hmac.compare_digest(hashlib.sha256(expected).digest(), hashlib.sha256(given).digest())


def _value(name: str, signed: Signed, stamp: str) -> bytes:
    match name:
        case "body":
            return signed.body
        case "timestamp":
            return stamp.encode("utf-8", "replace")
        case "url":
            return signed.url.encode("utf-8", "replace")
        case "method":
            return signed.method.encode()
        case _:
            return signed.headers.get(name.removeprefix("header:"), "").encode("utf-8", "replace")
