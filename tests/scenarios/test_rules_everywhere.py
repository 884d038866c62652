"""Rules go live on every machine at once: two workers, each with a home of its own, share one
PostgreSQL and one Redis, as on two machines; the set is applied from a third."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from relay.pipeline import rules
from relay.pipeline.engine import TASK_OF
from relay.storage import work
from relay.supervisor.programs import worker_command
from tests.scenarios.house import KEY, RULES, House, open_house
from tests.stores import PostgreSQL, until

pytestmark = pytest.mark.processes

DEAL = "Northwind onboarding"
ROOT = Path(__file__).parents[2]


@contextmanager
def _machine(house: House, url: str, valkey: str, home: Path) -> Iterator[int]:
    """A worker of one child; the number of its processes' group."""
    home.mkdir()
    env = {
        **os.environ,
        "RELAY_HOME": str(home),
        "RELAY_DATABASE_URL": url,
        "RELAY_SECRET_KEYS": KEY,
        "RELAY_BASE_URL": house.base_url,
        "RELAY_REDIS_URL": valkey,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    process = subprocess.Popen(
        worker_command(concurrency=1), env=env, start_new_session=True, cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _by(house: House, worker: int, others: set[int], status: str) -> Any:
    """The run of a change that this worker alone can look at: the others stand still."""
    for other in others:
        os.killpg(other, signal.SIGSTOP)
    before = len(house.runs("publish-stage"))
    house.set("Deals", DEAL, "Status", status)

    def looked() -> bool:
        # What was on its way to one that stands still is woken again, as the sweep does it.
        for kind, task in TASK_OF.items():
            house.runtime.queue.wake(task, work.overdue(house.runtime.db, kind, grace=0.0))
        return len(house.runs("publish-stage")) > before

    until(looked, f"worker {worker} to look at the change")
    for other in others:
        os.killpg(other, signal.SIGCONT)
    return house.runs("publish-stage")[-1]


def test_every_worker_of_every_machine_takes_a_new_set_with_its_next_event(
    postgresql: PostgreSQL, tmp_path: Path, valkey: str
) -> None:
    with (
        postgresql.database(tmp_path, tables=True) as url,
        open_house(url, tmp_path / "third", valkey) as house,
        _machine(house, url, valkey, tmp_path / "first") as one,
        _machine(house, url, valkey, tmp_path / "second") as two,
    ):
        machines = {one, two}
        old = {_by(house, each, machines - {each}, status).set_hash
               for each, status in ((one, "Lead"), (two, "Proposal"))}  # fmt: skip
        texts = rules.texts_in(RULES)
        text = texts["rules/publish-stage.yaml"].replace("deal.stage_changed", "deal.moved")
        house.apply({"rules/publish-stage.yaml": text})
        new = {_by(house, each, machines - {each}, status).set_hash
               for each, status in ((one, "Negotiation"), (two, "Deal Lost"))}  # fmt: skip
    assert len(old) == len(new) == 1
    assert old != new
