"""Which process this is, and whether another one of this machine is certainly dead. Linux tells;
elsewhere nobody knows, and nothing is concluded."""

import os
import socket
from pathlib import Path

_NO_OTHER_THREAD = "1"


def machine() -> str:
    """Where numbers of processes mean the same as here, until its next start; empty where that
    cannot be told. Containers of one host have numbers of their own."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        numbers = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return f"{socket.gethostname()} {boot} {numbers}"


def birth(pid: int) -> str:
    """When a process began, in the kernel's ticks; empty when it is gone or cannot be told."""
    stat = _stat(pid)
    return stat[19] if stat else ""


def is_dead(pid: int, born: str) -> bool:
    """Whether the process that was born then is no more. False where that is not certain."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    stat = _stat(pid)
    if not stat:
        return False
    # The number may be another's by now; or nobody has asked yet how it ended.
    return stat[19] != born or (stat[0] == "Z" and stat[17] == _NO_OTHER_THREAD)


def _stat(pid: int) -> list[str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # The name may hold spaces and brackets; the fields begin after its last bracket.
    return text.rpartition(")")[2].split()
