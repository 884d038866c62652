"""Keeps programs running: starts them, starts again what ends by itself, stops them in order."""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from relay.core.errors import RelayError
from relay.supervisor.child import Child, describe
from relay.supervisor.guard import Guard
from relay.supervisor.home import Home
from relay.supervisor.programs import Program
from relay.supervisor.signals import Signals

FIRST_PAUSE = 0.25
LONGEST_PAUSE = 15.0
STEADY_SECONDS = 30.0  # who ran this long is started again as if it had never failed
LOOK_SECONDS = 0.03
HOUSEKEEPING_SECONDS = 30.0


class StartFailed(RelayError):
    """A program ended, or did not become ready, while Relay was starting."""


class Stopped(RelayError):
    """A person asked for the end while Relay was starting."""


@dataclass(slots=True, kw_only=True)
class _Kept:
    """A program with the process it runs in, or the moment it is started again."""

    program: Program
    child: Child | None = None
    due: float = 0.0
    pause: float = FIRST_PAUSE


class Tree:
    """The programs of one home. Use it as a context: leaving it stops them all."""

    def __init__(
        self, home: Home, env: Mapping[str, str], *, say: Callable[[str], None] = print
    ) -> None:
        self._home = home
        self._env = dict(env)
        self._say = say
        self._kept: list[_Kept] = []
        self._signals = Signals(has_terminal=sys.stdin.isatty())

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            opened.enter_context(self._signals)
            self._guard = Guard()
            opened.callback(self._guard.dismiss)
            opened.callback(self.stop)
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def start(self, program: Program) -> None:
        """Starts a program and keeps it; it need not be ready when this returns."""
        kept = _Kept(program=program)
        self._kept.append(kept)
        self._launch(kept)

    def wait_ready(self, program: Program, *, seconds: float) -> None:
        """Waits for the program's own word. Raises StartFailed when it, or another one, ends
        before, or when the time is over; Stopped when a person asked for the end."""
        deadline = time.monotonic() + seconds
        while not program.is_ready():
            self._refuse_failures()
            if time.monotonic() > deadline:
                raise StartFailed(self._story(program, f"was not ready after {seconds:g} s"))
            self._signals.wait(LOOK_SECONDS)
        self._refuse_failures()

    def run(self) -> None:
        """Watches until a person asks for the end."""
        tidy = time.monotonic() + HOUSEKEEPING_SECONDS
        while not self._signals.asked:
            now = time.monotonic()
            self._guard.check()
            if self._signals.hung_up:
                self._signals.hung_up = False
                self._pass_on(signal.SIGHUP)
            for kept in self._kept:
                self._look_after(kept, now)
            if now > tidy:
                self._home.trim_logs()
                tidy = now + HOUSEKEEPING_SECONDS
            dues = [kept.due for kept in self._kept if kept.child is None]
            self._signals.wait(max(0.0, min([tidy, *dues]) - now))

    def stop(self) -> None:
        """Asks each program to end, in its order, and kills what takes too long. A second request
        of a person kills at once."""
        for kept in sorted(self._kept, key=lambda kept: kept.program.stop_rank):
            if kept.child is not None:
                self._stop(kept.child, kept.program)
        self._kept.clear()

    def _pass_on(self, number: signal.Signals) -> None:
        """To the programs that listen for it."""
        for kept in self._kept:
            if number in kept.program.hears and kept.child is not None:
                kept.child.tell(number)

    def _launch(self, kept: _Kept) -> None:
        name = kept.program.name
        kept.child = Child(kept.program.command, self._env, self._home.log(name))
        self._home.started(name, kept.child.pid)
        self._guard.began(kept.child.pid)

    def _look_after(self, kept: _Kept, now: float) -> None:
        child, name = kept.child, kept.program.name
        if child is None:
            if now >= kept.due:
                self._launch(kept)
            return
        if child.status is None:
            return
        if child.age > STEADY_SECONDS:
            kept.pause = FIRST_PAUSE
        self._say(f"{name} {describe(child.status)}; starting it again (log: {self._log(name)})")
        self._bury(child, name)
        kept.child, kept.due = None, now + kept.pause
        kept.pause = min(kept.pause * 2, LONGEST_PAUSE)

    def _stop(self, child: Child, program: Program) -> None:
        child.ask()
        deadline = time.monotonic() + program.stop_seconds
        while child.status is None and time.monotonic() < deadline and self._signals.asked < 2:  # noqa: PLR2004
            self._signals.wait(LOOK_SECONDS)
        self._bury(child, program.name)

    def _bury(self, child: Child, name: str) -> None:
        child.end()
        self._home.ended(name)
        self._guard.ended(child.pid)

    def _refuse_failures(self) -> None:
        if self._signals.asked:
            raise Stopped("stopped before it had started")
        for kept in self._kept:
            if kept.child is not None and kept.child.status is not None:
                raise StartFailed(self._story(kept.program, describe(kept.child.status)))

    def _story(self, program: Program, what: str) -> str:
        last = self._home.tail(program.name)
        told = f"; it said last:\n{last}" if last else ""
        return f"{program.name} {what} while starting (log: {self._log(program.name)}){told}"

    def _log(self, name: str) -> str:
        return str(self._home.log(name))
