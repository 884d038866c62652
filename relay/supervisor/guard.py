"""The supervisor's hold on its guardian: the process that ends the others when it is killed."""

import subprocess
import sys
from contextlib import suppress

from relay.supervisor import guardian


class Guard:
    """A running guardian, told which process groups begin and end; started again if it is lost."""

    def __init__(self) -> None:
        self._groups: list[int] = []
        self._start()

    def began(self, group: int) -> None:
        self._groups.append(group)
        self._tell(f"+{group}")

    def ended(self, group: int) -> None:
        if group in self._groups:
            self._groups.remove(group)
            self._tell(f"-{group}")

    def check(self) -> None:
        """Starts another guardian where the old one has ended."""
        if self._process.poll() is not None:
            self._pipe.close()
            self._start()

    def dismiss(self) -> None:
        """Lets it end what is left, and waits for that."""
        with suppress(BrokenPipeError):
            self._pipe.close()
        self._process.wait()

    def _start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-I", guardian.__file__],
            stdin=subprocess.PIPE,
            start_new_session=True,
            bufsize=0,
        )
        if self._process.stdin is None:
            raise ValueError("the guardian was started without a pipe")
        self._pipe = self._process.stdin
        for group in self._groups:
            self._tell(f"+{group}")

    def _tell(self, line: str) -> None:
        # It may have been killed a moment ago; `check` starts another, which is told everything.
        with suppress(BrokenPipeError):
            self._pipe.write(f"{line}\n".encode())
