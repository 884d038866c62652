"""Encryption at rest: AES-256-GCM under a ring of keys, each text bound to the row it belongs to.

An envelope is `v1.<key id>.<base64 of nonce and ciphertext>`. Bound means that an envelope moved
to another row does not open there.
"""

import base64
import hashlib
import os
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from relay.core.errors import RelayError
from relay.storage.tables.base import dump, load

_NONCE = 12  # bytes; random for every text, so that none is ever used twice under a key


class Sealed(RelayError):
    """What was encrypted cannot be read: its key is not in the ring, or it was changed."""


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
        version, key_id, text = envelope.split(".", 2)
        cipher = self._ciphers.get(key_id)
        if version != "v1" or cipher is None:
            raise Sealed(
                f"credentials of {bound_to} were encrypted under key {key_id}, which is not in"
                " RELAY_SECRET_KEYS: add it at the end of the ring"
            )
        raw = base64.b64decode(text)
        try:
            plain = cipher.decrypt(raw[:_NONCE], raw[_NONCE:], bound_to.encode())
        except InvalidTag:
            raise Sealed(f"credentials of {bound_to} are damaged or were moved") from None
        return load(plain.decode())

    @property
    def newest(self) -> str:
        """What every envelope begins with that the newest key sealed."""
        return f"v1.{self._newest}."


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"relay key id" + key).hexdigest()[:8]
