"""Which adapters a process is given."""

from pathlib import Path

from relay import bootstrap
from relay.queue import SWEEP, Waker
from relay.settings import Settings
from tests.scenarios.house import KEY


def _settings(home: Path) -> Settings:
    env = {
        "RELAY_HOME": str(home),
        "RELAY_DATABASE_URL": f"sqlite:///{home}/a.db",
        "RELAY_SECRET_KEYS": KEY,
    }
    return Settings.from_env(env)


def test_a_given_database_does_not_silence_the_embedded_broker(tmp_path: Path) -> None:
    runtime = bootstrap.build(_settings(tmp_path), role="test")
    assert isinstance(runtime.queue, Waker)


def test_a_command_waits_for_no_broker(tmp_path: Path) -> None:
    """It has given up by the time it ends: nothing is left to a thread that dies with it."""
    queue = bootstrap.build(_settings(tmp_path), role="cli").queue
    queue.wake(SWEEP, [1])
    queue.close()
    assert isinstance(queue, Waker)
    assert queue.dropped == 1
