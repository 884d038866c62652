"""One started process: in a session of its own, its output in a log, ended with all its group."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from relay.supervisor.guardian import lives, send

_PR_SET_PDEATHSIG = 1


class Child:
    """A process and its process group."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.began = time.monotonic()
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command lines
                command,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_DIE_WITH_PARENT,
            )
        self.pid = self._process.pid

    @property
    def status(self) -> int | None:
        """How it ended: its exit status, or minus the signal; None while it runs."""
        return self._process.poll()

    @property
    def age(self) -> float:
        return time.monotonic() - self.began

    def ask(self) -> None:
        """Asks the process itself to end; it tells its own children."""
        self.tell(signal.SIGTERM)

    def tell(self, number: signal.Signals) -> None:
        """Sends the process itself a signal."""
        if self.status is None:
            self._process.send_signal(number)

    def end(self) -> None:
        """Kills what is left of it: a dead parent's children would hold its port and its queue."""
        if lives(self.pid):
            send(self.pid, signal.SIGKILL)
        self._process.wait()


def _die_with_parent() -> Callable[[], None] | None:
    """On Linux the kernel tells a process that its parent was killed."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


_DIE_WITH_PARENT = _die_with_parent()


def describe(status: int | None) -> str:
    """An exit status in words."""
    if status is None:
        return "is still running"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
