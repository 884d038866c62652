"""How long a person waits after `make run` on a home that exists: the second start."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.harness import Report
from bench.house import free_port
from relay.settings import Settings
from relay.supervisor.programs import answers
from tests.stores import until

ROUNDS = 5
BAR = 5.0  # seconds


def run() -> Report:
    """`relay up` on the embedded stores, all its processes."""
    report = Report(
        name="start",
        about="`relay up` on a home that exists, with broker, web, worker and beat: from the"
        " command to the first answered request (`/healthz`), and to the first that the store"
        " answered (`/readyz`).",
    )
    with TemporaryDirectory(prefix="relay-bench-") as folder:
        env = {**os.environ, "RELAY_HOME": folder, "PORT": str(free_port())}
        # As a person has it: what the first start compiled is there for the second.
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env["PYTHONPYCACHEPREFIX"] = f"{folder}/compiled"
        settings = Settings.from_env(env)
        _started(env, settings)
        found = [_started(env, settings) for _ in range(ROUNDS)]
    alive, ready = zip(*found, strict=True)
    report.add("second start: first answered request", "s", alive, bar=BAR, at_least=False)
    report.add("second start: first answered from the store", "s", ready)
    return report


def _started(env: dict[str, str], settings: Settings) -> tuple[float, float]:
    """Starts it, and ends it again."""
    began = time.perf_counter()
    with _up(env, settings):
        until(lambda: answers(settings, "/healthz"), "the first answer", seconds=60)
        alive = time.perf_counter() - began
        until(lambda: answers(settings, "/readyz"), "the store", seconds=60)
        return alive, time.perf_counter() - began


@contextmanager
def _up(env: dict[str, str], settings: Settings) -> Iterator[None]:
    with Path(settings.home, "up.log").open("wb") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "relay", "up"],
            env=env, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield
    finally:
        program.terminate()
        program.wait(60)
