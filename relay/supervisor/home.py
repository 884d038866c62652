"""RELAY_HOME as the supervisor uses it: one supervisor at a time, logs, and who was started."""

import fcntl
import os
import socket
from pathlib import Path
from typing import Self

from relay.births import birth
from relay.core.errors import InvalidInput
from relay.supervisor.guardian import end_groups

LOG_BYTES = 20_000_000
TAIL_BYTES = 4_000


class Home:
    """The folder, held until `release`. Raises InvalidInput when it cannot be had."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            for folder in (path, path / "log", path / "run"):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = os.open(path / "run" / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise InvalidInput(
                f"RELAY_HOME is {str(path)!r}; it cannot be used: {error.strerror}. "
                "Name a folder that this user may write"
            ) from error
        self._take()

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._lock, 32, 0).decode().strip() or "unknown"
            os.close(self._lock)
            raise InvalidInput(
                f"Relay is already running on {self.path} (process {holder}). "
                "Stop it first, or name another folder in RELAY_HOME"
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def log(self, name: str) -> Path:
        return self.path / "log" / f"{name}.log"

    def tail(self, name: str, lines: int = 12) -> str:
        """The last lines a program wrote."""
        path = self.log(name)
        if not path.exists():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL_BYTES))
            text = file.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def trim_logs(self) -> None:
        """Keeps the end of a log that has grown long. Programs append, so they write on."""
        for path in (self.path / "log").glob("*.log"):
            if path.stat().st_size > LOG_BYTES:
                path.with_suffix(".log.1").write_bytes(path.read_bytes())
                os.truncate(path, 0)

    def started(self, name: str, pid: int) -> None:
        """Writes down who runs, for a start after everything here was killed."""
        (self.path / "run" / f"{name}.pid").write_text(f"{pid} {birth(pid)}\n")

    def ended(self, name: str) -> None:
        (self.path / "run" / f"{name}.pid").unlink(missing_ok=True)

    def end_leftovers(self) -> None:
        """Ends what an earlier supervisor left running, and forgets it."""
        groups = []
        for path in (self.path / "run").glob("*.pid"):
            pid, _, born = path.read_text().strip().partition(" ")
            # A number may belong to somebody else by now; its birth does not.
            if pid.isdigit() and born and birth(int(pid)) == born:
                groups.append(int(pid))
            path.unlink()
        if groups:
            end_groups(groups, grace=2.0)


def check_port(bind: str, port: int) -> None:
    """Raises InvalidInput when the port cannot be had: two servers would share it silently."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
            probe.listen(1)
        except OSError as error:
            raise InvalidInput(
                f"Port {port} on {bind} cannot be used: {error.strerror}. "
                f"Choose another, for example: PORT={port + 1} make run"
            ) from error
