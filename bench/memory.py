"""What web and worker hold while 100,000 events go through them."""

import os
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.harness import Report
from bench.house import JOB, House, opened
from bench.load import send, wait_for
from relay.storage.sources import SourceRow

EVENTS = 100_000
BATCH = 5_000
PEOPLE = 1_000
BAR = 200.0  # MB
GROWN = 1.05  # beside the quarter before: what is measured twice differs by as much
# What their command lines name.
ROLES = {"web": "relay.asgi:app", "worker": "workers.app --quiet worker"}


def run() -> Report:
    """PostgreSQL; web, worker and beat beside the load."""
    report = Report(
        name="memory",
        about=f"Memory while {EVENTS:,} jobs of `make bench n=job` are done: each process with its"
        " children, shared pages counted once (PSS). The last quarter stands beside the one"
        " before it.",
    )
    with opened("postgresql") as house:
        source = house.signed("bench", JOB)
        held: dict[str, list[float]] = {role: [] for role in ROLES}
        for done in range(0, EVENTS, BATCH):
            _do(house, source, done + BATCH)
            for role, samples in held.items():
                samples.append(_held(ROLES[role]))
    for role, samples in held.items():
        report.add(f"{role}: highest", "MB", [max(samples)], bar=BAR, at_least=False)
        report.add(f"{role}: after every {BATCH:,}", "MB", samples)
        grown = _quarter(samples, 3) / _quarter(samples, 2)
        report.add(f"{role}: last quarter beside the third", "times", [grown], bar=GROWN,
                   at_least=False)  # fmt: skip
    return report


def _do(house: House, source: SourceRow, wanted: int) -> None:
    emails = [f"kim{n % PEOPLE}@example.com" for n in range(BATCH)]
    if send(house.port, house.requests(source, emails)).refused:
        raise RuntimeError("refused")
    wait_for(lambda: house.count("runs", state="succeeded"), wanted, seconds=120)


def _quarter(samples: Sequence[float], number: int) -> float:
    size = len(samples) // 4
    return statistics.median(samples[number * size : (number + 1) * size])


def _held(named: str) -> float:
    """MB of the processes below this one whose command lines say so."""
    return sum(_share(pid) for pid in _below(os.getpid()) if named in _command(pid))


def _below(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            yield child
            yield from _below(child)


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def _share(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return 0.0
