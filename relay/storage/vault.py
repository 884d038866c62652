"""Encryption at rest: AES-256-GCM under a ring of keys, each text bound to the row it belongs to.

An envelope is `v1.<key id>.<base64 of nonce and ciphertext>`. Bound means that an envelope moved
to another row does not open there.
"""

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from relay.core.errors import RelayError
from relay.storage.tables.base import dump, load

_ENVELOPE = re.compile(r"v1\.(?P<key>[0-9a-f]{8})\.(?P<text>.+)")
_DAMAGED = "are damaged or were moved"
_NONCE = 12  # bytes; random for every text, so that none is ever used twice under a key


class Sealed(RelayError):
    """What was encrypted cannot be read: its key is not in the ring, or it was changed. `why` is
    said of whatever it was."""

    def __init__(self, bound_to: str, why: str) -> None:
        super().__init__(f"credentials of {bound_to} {why}")
        self.why = why


class Vault:
    """Seals with the newest key of the ring, opens with whichever sealed."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self._newest = _key_id(keys[0])

    def seal(self, value: object, *, bound_to: str) -> str:
        """The envelope of any JSON value."""
        nonce = os.urandom(_NONCE)
        secret = self._ciphers[self._newest].encrypt(nonce, dump(value).encode(), bound_to.encode())
        return f"v1.{self._newest}.{base64.b64encode(nonce + secret).decode()}"

    def open(self, envelope: str, *, bound_to: str) -> Any:
        """What `seal` was given. Raises Sealed."""
        found = _ENVELOPE.fullmatch(envelope)
        if found is None:
            raise Sealed(bound_to, _DAMAGED)
        cipher = self._ciphers.get(found["key"])
        if cipher is None:
            raise Sealed(
                bound_to,
                f"were encrypted under key {found['key']}, which is not in RELAY_SECRET_KEYS: add"
                " it at the end of the ring",
            )
        try:
            raw = base64.b64decode(found["text"], validate=True)
            plain = cipher.decrypt(raw[:_NONCE], raw[_NONCE:], bound_to.encode())
        except (InvalidTag, ValueError):
            raise Sealed(bound_to, _DAMAGED) from None
        return load(plain.decode())

    @property
    def newest(self) -> str:
        """What every envelope begins with that the newest key sealed."""
        return f"v1.{self._newest}."


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"relay key id" + key).hexdigest()[:8]
