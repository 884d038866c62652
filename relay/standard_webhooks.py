"""Standard Webhooks 1.0.0: signing and verifying with shared secrets and with ed25519 keys.

Keys are told by their beginning: `whsec_` a shared secret (v1), `whsk_` a private and `whpk_` a
public ed25519 key (v1a). github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md
"""

import base64
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from relay.core.errors import BadSignature, InvalidInput
from relay.core.signing import HmacScheme, Signed, check_age

SECRET_BYTES = 32
_SEED_BYTES = 32
_PRIVATE, _PUBLIC = "whsk_", "whpk_"


def _scheme(family: str) -> HmacScheme:
    return HmacScheme(
        header=f"{family}-signature",
        key="base64",
        encoding="base64",
        prefix="v1,",
        separator=" ",
        signed=f"{{header:{family}-id}}.{{timestamp}}.{{body}}",
        timestamp=f"header:{family}-timestamp",
    )


# Svix's own names are the older spelling of the same scheme (docs.svix.com, receiving).
_SCHEMES = {family: _scheme(family) for family in ("webhook", "svix")}


def new_secret() -> str:
    """A fresh shared secret."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def new_key_pair() -> tuple[str, str]:
    """A fresh ed25519 pair: private (32 bytes of seed and 32 of public key, as Svix writes it)
    and public."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    both = private.private_bytes_raw() + public
    return _PRIVATE + _encoded(both), _PUBLIC + _encoded(public)


def public_key(private: str) -> str:
    """The `whpk_` key that belongs to a `whsk_` one."""
    raw = _private(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return _PUBLIC + _encoded(raw)


def sign(
    message_id: str, body: bytes, keys: Sequence[str], now: datetime
) -> dict[str, str]:  # fmt: skip
    """The three headers of one attempt, one signature for each key, newest first.

    Raises InvalidInput for a message id with a point in it, and for a key that is none.
    """
    if "." in message_id:
        raise InvalidInput("A message's id must not contain a point: it is part of what is signed")
    stamp = str(int(now.timestamp()))
    content = b".".join((message_id.encode(), stamp.encode(), body))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(_entry(key, content) for key in keys),
    }


def verify(headers: Mapping[str, str], body: bytes, keys: Sequence[str], now: datetime) -> None:
    """Raises BadSignature unless one listed signature matches one key and the time is right.

    Header names are lower case; `svix-…` names are taken where there is no `webhook-id`.
    """
    family = "webhook" if "webhook-id" in headers else "svix"
    scheme = _SCHEMES[family]
    if not headers.get(f"{family}-id"):
        raise BadSignature("the header webhook-id is missing")
    public = [key for key in keys if key.startswith(_PUBLIC)]
    if public and _verified_ed25519(headers, family, body, public, now):
        return
    shared = [key for key in keys if not key.startswith(_PUBLIC)]
    scheme.verify(Signed(body=body, headers=headers), shared, now)


def _verified_ed25519(
    headers: Mapping[str, str], family: str, body: bytes, keys: Sequence[str], now: datetime
) -> bool:
    stamp = headers.get(f"{family}-timestamp", "")
    check_age(stamp, now)
    name = headers[f"{family}-id"].encode("utf-8", "replace")
    content = b".".join((name, stamp.encode(), body))
    given = headers.get(f"{family}-signature", "").split(" ")
    entries = [entry.removeprefix("v1a,") for entry in given if entry.startswith("v1a,")]
    return any(_matches(_public(key), entry, content) for key in keys for entry in entries)


def _matches(key: Ed25519PublicKey, entry: str, content: bytes) -> bool:
    try:
        key.verify(base64.b64decode(entry, validate=True), content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _entry(key: str, content: bytes) -> str:
    if key.startswith(_PRIVATE):
        return "v1a," + _encoded(_private(key).sign(content))
    return "v1," + _SCHEMES["webhook"].signature(content, key)


def _private(key: str) -> Ed25519PrivateKey:
    raw = _decoded(key.removeprefix(_PRIVATE), InvalidInput)
    if len(raw) not in (_SEED_BYTES, 2 * _SEED_BYTES):
        raise InvalidInput("An ed25519 key has 32 bytes, or 64 with its public half")
    return Ed25519PrivateKey.from_private_bytes(raw[:_SEED_BYTES])


def _public(key: str) -> Ed25519PublicKey:
    raw = _decoded(key.removeprefix(_PUBLIC), BadSignature)
    try:
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:
        raise BadSignature("the source's public key is not an ed25519 key") from error


def _decoded(text: str, problem: type[BadSignature] | type[InvalidInput]) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise problem("the key is not base64") from error


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
