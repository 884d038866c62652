"""T3, in real processes: a worker is killed between the request and its record."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.pipeline.engine import TASK_OF
from relay.storage import work
from relay.supervisor.programs import worker_command
from tests.scenarios.house import KEY, House, open_house
from tests.stores import until

pytestmark = pytest.mark.processes

DEALS = {
    "quickbooks": ("Deals", "Northwind onboarding", "/salesreceipt"),
    "recurly": ("Deals", "Larkspur annual plan", "/purchases"),
    "zuora": ("Enterprise Deals", "Granite rollout", "/v1/orders"),
}
LATE = 20  # seconds until the sandboxes answer: the worker does not live to hear it


@contextmanager
def _worker(env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker of two children; killed at the end, if it has not been."""
    process = subprocess.Popen(
        worker_command(concurrency=2), env=dict(env), start_new_session=True,
        cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """-9, to the worker and its children: nobody can clean up."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def test_a_worker_killed_between_request_and_record_books_each_deal_once(
    database_url: str, tmp_path: Path, valkey: str
) -> None:
    with open_house(database_url, tmp_path / "home", valkey) as house:
        env = {
            **os.environ,
            "RELAY_HOME": str(tmp_path / "home"),
            "RELAY_DATABASE_URL": database_url,
            "RELAY_SECRET_KEYS": KEY,
            "RELAY_BASE_URL": house.base_url,
            "RELAY_REDIS_URL": valkey,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
        }
        for provider, (_, _, path) in DEALS.items():
            house.fault(provider, fault="slow", seconds=LATE, path=path, times=1)
        with _worker(env) as worker:
            for in_list, deal, _ in DEALS.values():
                house.set(in_list, deal, "Status", "Deal Won")
            until(lambda: all(house.books(name) for name in DEALS), "the sandboxes to do the work")
            assert {row.state for row in house.bookings()} == {"sent"}
            _kill(worker)
        house.later()
        with _worker(env):
            _wake(house)
            until(
                lambda: {row.state for row in house.bookings()} == {"booked"},
                "another worker to find what was booked",
            )
            until(lambda: not _open(house), "its runs to end")
        for provider in DEALS:
            assert len(house.books(provider)) == 1, provider
        for row in house.bookings():
            assert [one.outcome for one in house.attempts(row.run_id)] == ["found"]


def _wake(house: House) -> None:
    """What the schedule does every few seconds."""
    for kind, task in TASK_OF.items():
        house.runtime.queue.wake(task, work.overdue(house.runtime.db, kind, grace=0.0))


def _open(house: House) -> bool:
    return any(work.overdue(house.runtime.db, kind, grace=0.0) for kind in TASK_OF)
