"""Ends what the supervisor started, when the supervisor itself was killed.

A program of its own, from the standard library alone. Its standard input is a pipe from the
supervisor: `+123` when process group 123 begins, `-123` when it has ended. The pipe's end is the
supervisor's: whatever still runs then is asked to stop, and killed soon after.
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress

GRACE_SECONDS = 3.0
LOOK_SECONDS = 0.05


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_groups(_read_groups())


def _read_groups() -> list[int]:
    groups: list[int] = []
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.append(group)
        elif group in groups:
            groups.remove(group)
    return groups


def end_groups(groups: list[int], grace: float = GRACE_SECONDS) -> None:
    """Asks the groups to stop, the last started first; kills what has not after `grace` seconds."""
    for group in reversed(groups):
        send(group, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(lives(group) for group in groups) and time.monotonic() < deadline:
        select.select([], [], [], LOOK_SECONDS)
    for group in groups:
        send(group, signal.SIGKILL)


def lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS answers so for a group of which only unreaped processes are left.
        return False
    return True


def send(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    main()
