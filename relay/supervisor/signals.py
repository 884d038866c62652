"""Signals as something to wait for: a request to stop, and the end of a child."""

import select
import signal
import socket
from types import FrameType
from typing import Self

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Signals:
    """Counts requests to stop while it is entered; `wait` returns early for any signal.

    SIGHUP means that a terminal was closed, and stops too; without one (`has_terminal` False) it
    asks to read the rules again: `hung_up`.
    """

    def __init__(self, *, has_terminal: bool) -> None:
        self.asked = 0
        self.hung_up = False
        self._has_terminal = has_terminal

    def __enter__(self) -> Self:
        self._heard, self._wake = socket.socketpair()
        self._heard.setblocking(False)
        self._wake.setblocking(False)
        self._fd_before = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._ask) for number in STOPPING}
        self._before[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._hang_up)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._fd_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._heard.close()
        self._wake.close()

    def wait(self, seconds: float) -> None:
        """Waits for a signal, at most this long."""
        readable, _, _ = select.select([self._heard], [], [], seconds)
        if readable:
            self._heard.recv(4096)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked += 1

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        if self._has_terminal:
            self._ask(number, frame)
        else:
            self.hung_up = True
