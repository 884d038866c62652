"""The ring of keys that encrypts credentials: read from a setting, or made and kept in `home`."""

import base64
import binascii
import os
import secrets
from pathlib import Path

from relay.core.errors import InvalidInput

KEY_BYTES = 32
FILE = "secret-keys"
_RECIPE = (
    "make one with: python3 -c "
    "'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
)


def read_keys(text: str) -> tuple[bytes, ...]:
    """Keys between commas or white space, newest first. Raises ValueError for what is none."""
    keys = tuple(_key(part) for part in text.replace(",", " ").split())
    if not keys:
        raise ValueError(f"it must hold a key; {_RECIPE}")
    if len(set(keys)) != len(keys):
        raise ValueError("it holds the same key twice; keep each once, newest first")
    return keys


def missing_keys() -> InvalidInput:
    """What to say when several machines would each make a ring of their own."""
    return InvalidInput(
        f"RELAY_SECRET_KEYS is not set; on PostgreSQL every process needs the same keys, {_RECIPE}"
    )


def kept_keys(home: Path) -> tuple[bytes, ...]:
    """The ring in `home`; the first process to ask makes it. Raises InvalidInput when the folder
    cannot be written or the file holds no keys."""
    path = home / FILE
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _make(path)
        return read_keys(path.read_text())
    except OSError as error:
        reason = error.strerror or str(error)
        raise InvalidInput(
            f"RELAY_HOME is {str(home)!r}; it cannot be used: {reason}. "
            "Name a folder that this user may write"
        ) from error
    except ValueError as error:
        raise InvalidInput(f"{path} is damaged: {error}. Restore it from your backup") from error


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"each key must be base64 text; {_RECIPE}") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"each key must be {KEY_BYTES} bytes, in base64; {_RECIPE}")
    return key


def _make(path: Path) -> None:
    """Written whole before it has its name, so that two processes which start at once read one."""
    fresh = path.with_name(f".{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    text = base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
